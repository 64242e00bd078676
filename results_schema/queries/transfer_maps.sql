-- How well each map between two models holds, layer by layer, beside its shuffled control.
SELECT experiment, map, donor, receiver, donor_layer, receiver_layer, n_samples, n_held_out, n_matched, measure, fit,
       held_out
FROM transfer_map
WHERE (:experiment IS NULL OR experiment = :experiment)
ORDER BY experiment, map, donor_layer, receiver_layer
