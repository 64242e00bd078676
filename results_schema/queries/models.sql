-- The models of the study with their hashes.
SELECT name, family, n_layers, n_neurons_per_layer, d_model, vocabulary, parameters, dtype, checkpoint_hash,
       tokenizer_hash, path
FROM model
ORDER BY name
