-- Every start of the engine on this store, and how it ended.
SELECT launch, started_utc, ended_utc, n_ranks, slurm_job_id, slurm_restart, exit_reason,
       (SELECT count(*) FROM unit AS u WHERE u.launch = l.launch) AS units
FROM launch AS l
ORDER BY launch
