-- in: results
-- Steering with every task's direction on every task: where a variant comes from, and how far a direction reaches.

ALTER TABLE steer_arm ADD COLUMN declared TEXT NOT NULL DEFAULT '';
ALTER TABLE steer_arm ADD COLUMN direction_task TEXT NOT NULL DEFAULT '';
ALTER TABLE steer_effect ADD COLUMN declared TEXT NOT NULL DEFAULT '';
ALTER TABLE steer_effect ADD COLUMN direction_task TEXT NOT NULL DEFAULT '';

-- A direction helps (harms) a task when its change on the test split is positive (negative) with a Holm p below 0.05.
-- It is general when it helps every task, specific when it helps its own only, partial when it helps some.
CREATE VIEW steer_reach AS
SELECT experiment, model, declared, direction_task, variant, count(*) AS n_tasks, sum(helps) AS n_helped,
       sum(harms) AS n_harmed, coalesce(group_concat(CASE WHEN helps THEN task END, ','), '') AS helped,
       coalesce(group_concat(CASE WHEN harms THEN task END, ','), '') AS harmed,
       CASE WHEN sum(helps) = 0 THEN 'none'
            WHEN sum(helps) = count(*) THEN 'general'
            WHEN sum(helps) = 1 AND max(helps AND task = direction_task) THEN 'specific'
            ELSE 'partial' END AS class
FROM (SELECT *, change > 0 AND holm_p < 0.05 AS helps, change < 0 AND holm_p < 0.05 AS harms
      FROM steer_effect
      WHERE stage = 'test' AND task <> '*' AND variant = declared || ' from ' || direction_task
      ORDER BY task)
GROUP BY experiment, model, declared, direction_task, variant;
