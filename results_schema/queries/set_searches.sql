-- How many neurons explain the stated share of a critical set's effect, and what they explain on held-out items.
SELECT experiment, model, task, metric, n_candidates, size, target_share, search_share, n_proof, proof_share, share_low,
       share_high, proof_full, proof_effect, random_effect, random_worst, p, n_sets, n_rounds
FROM set_search
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task
