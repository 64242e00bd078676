-- Generated answers, one line each.
SELECT t.model, t.task, t.item, t.attempt, t.correct, t.answer, t.finish, t.n_tokens, t.completion
FROM trace AS t
WHERE (:model IS NULL OR t.model = :model)
  AND (:task IS NULL OR t.task = :task)
  AND (:item IS NULL OR t.item = :item)
  AND (:correct IS NULL OR t.correct = :correct)
ORDER BY t.round_id, t.unit, t.seq
LIMIT coalesce(:top, 100)
