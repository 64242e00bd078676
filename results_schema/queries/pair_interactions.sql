-- Pairs of neurons whose joint effect is furthest from the sum, in either direction.
SELECT experiment, model, task, layer_a, neuron_a, layer_b, neuron_b, n, effect_a, effect_b, effect_joint, interaction,
       ci_low, ci_high, p, q
FROM pair_interaction
WHERE (:experiment IS NULL OR experiment = :experiment)
  AND (:model IS NULL OR model = :model)
  AND (:task IS NULL OR task = :task)
ORDER BY experiment, model, task, abs(interaction) DESC
