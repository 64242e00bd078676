-- What every task's direction did to the answers of every task (steer variants with across = true).
SELECT effect.experiment, effect.model, effect.declared AS variant, effect.direction_task, effect.task,
       effect.strength, effect.n, effect.baseline_accuracy, effect.accuracy, effect.change, effect.change_low,
       effect.change_high, effect.holm_p, reach.class, reach.helped, reach.harmed
FROM steer_effect AS effect
JOIN steer_reach AS reach USING (experiment, model, variant)
WHERE effect.stage = 'test'
  AND effect.task <> '*'
  AND (:experiment IS NULL OR effect.experiment = :experiment)
  AND (:model IS NULL OR effect.model = :model)
ORDER BY effect.experiment, effect.model, effect.declared, effect.direction_task, effect.task
