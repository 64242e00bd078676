#pragma once

#include <string>
#include <vector>

namespace neurosweep {

/// `neurosweep score`: log-probabilities of given tokens.
int run_score(const std::vector<std::string>& words);

/// `neurosweep generate`: continues prompts.
int run_generate(const std::vector<std::string>& words);

/// `neurosweep monitor`: continues prompts and tells the risk of a wrong answer along each reply.
int run_monitor(const std::vector<std::string>& words);

/// `neurosweep tokenize`: texts to tokens and back.
int run_tokenize(const std::vector<std::string>& words);

}  // namespace neurosweep
