-- Items that a model answers untouched and misses with a set suppressed.
SELECT b.model, b.task, b.item, o.arm, b.answer AS untouched_answer, o.answer AS suppressed_answer
FROM outcome AS b
JOIN outcome AS o ON o.round_id = b.round_id AND o.model = b.model AND o.task = b.task AND o.item = b.item
WHERE b.arm = 'baseline' AND b.correct = 1 AND o.correct = 0
  AND o.arm = coalesce(:arm, 'critical')
  AND (:model IS NULL OR b.model = :model)
  AND (:task IS NULL OR b.task = :task)
ORDER BY b.model, b.task, b.item
