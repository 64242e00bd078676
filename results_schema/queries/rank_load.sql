-- Work of each rank: units, compute seconds, host and device.
SELECT u.launch, u.rank, w.host, w.device, count(*) AS units, sum(u.seconds) AS compute_seconds,
       max(u.seconds) AS longest_unit
FROM unit AS u
LEFT JOIN worker AS w USING (launch, rank)
GROUP BY u.launch, u.rank
ORDER BY u.launch, u.rank
