-- What alarms at a stated rate of false alarms are worth: rate kept on test, failures found, and how early.
SELECT experiment, model, task, split, predictor, rate, threshold, n_right, false_rate, false_low, false_high, n_failed,
       found_rate, found_low, found_high, found_before, lead_answer, lead_end
FROM monitor_alarm
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
  AND (:predictor IS NULL OR predictor = :predictor)
  AND split = coalesce(:split, 'test')
ORDER BY experiment, model, task, rate, found_rate DESC, predictor
