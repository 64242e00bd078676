-- Neurons whose mean activation differs most between correct and incorrect traces.
SELECT experiment, model, task, rank_no, layer, neuron, n_pairs, score, mean_correct, mean_incorrect, sign_flip
FROM contrast_score
WHERE (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
  AND rank_no <= coalesce(:top, 20)
ORDER BY experiment, model, task, rank_no
