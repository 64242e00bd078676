-- Which limits of a policy were enforced most, over all replies. Neuron -1: the layer, or neurons logged together.
SELECT r.experiment, e.model, e.task, e.arm, e.rule, e.layer, e.neuron, count(*) AS n_replies, sum(e.times) AS times,
       max(e.largest) AS largest
FROM enforcement AS e JOIN round AS r USING (round_id)
WHERE (:experiment IS NULL OR r.experiment = :experiment)
  AND (:model IS NULL OR e.model = :model)
  AND (:task IS NULL OR e.task = :task)
  AND (:arm IS NULL OR e.arm = :arm)
GROUP BY r.experiment, e.model, e.task, e.arm, e.rule, e.layer, e.neuron
ORDER BY times DESC
