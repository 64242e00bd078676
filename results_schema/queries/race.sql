-- How each race for the top neurons ended: what it decided, what it may have missed, and what it cost.
SELECT experiment, model, top, error, n_neurons, n_items, rounds, n_in, n_open, recall, recall_low, recall_high,
       n_effects, (screen_forwards + exact_forwards) / brute_forwards AS share_of_brute_force,
       (screen_forwards + exact_forwards) / documented_forwards AS share_of_documented_way
FROM race_result
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
ORDER BY experiment, model
