-- Which neurons of the receiver a transfer chose, in place of which of the donor.
SELECT experiment, map, source, task, rank_no, receiver, layer, neuron, value, similarity, donor, donor_layer, donor_neuron
FROM transferred_neuron
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, map, source, task, rank_no
