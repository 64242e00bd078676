-- Where a unit's numbers come from: study, code, seed, launch, rank, host and device.
SELECT u.round_id, u.unit, r.experiment, r.kind, s.name AS study, s.study_id, s.toml_hash, s.seed, s.code_version,
       s.libtorch_version, u.launch, u.rank, w.host, w.device, l.slurm_job_id, u.finished_utc, u.seconds,
       u.content_hash, u.crc32c
FROM unit AS u
CROSS JOIN study AS s
LEFT JOIN round AS r USING (round_id)
LEFT JOIN launch AS l ON l.launch = u.launch
LEFT JOIN worker AS w ON w.launch = u.launch AND w.rank = u.rank
WHERE (:round_id IS NULL OR u.round_id = :round_id)
  AND (:unit IS NULL OR u.unit = :unit)
ORDER BY u.round_id, u.unit
