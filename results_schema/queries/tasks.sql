-- The tasks of the study with their hashes.
SELECT name, n_items, template, target, grader, file_hash, path
FROM task
ORDER BY name
