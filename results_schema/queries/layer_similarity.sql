-- How alike the layers of two models are, and which ones a transfer pairs.
SELECT experiment, donor, receiver, donor_layer, receiver_layer, n_samples, cka, paired
FROM layer_similarity
WHERE (:experiment IS NULL OR experiment = :experiment)
ORDER BY experiment, donor_layer, receiver_layer
