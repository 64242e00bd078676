#include "tests/slurm/local_slurm.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <regex>
#include <thread>

namespace neurosweep::testing {

LocalSlurm::LocalSlurm(int nodes) {
  const ProgramResult result = script({"start", dir_.path(), std::to_string(nodes), std::to_string(::getpid())});
  started_ = std::chrono::steady_clock::now();
  if (result.status != 0) why_not_ = result.err.empty() ? "local_slurm.sh failed" : result.err;
  ::setenv("SLURM_CONF", dir_.file("slurm.conf").c_str(), 1);
  for (const auto& [name, value] : {std::pair("OMPI_ALLOW_RUN_AS_ROOT", "1"),
                                    {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                                    {"OMPI_MCA_btl_vader_single_copy_mechanism", "none"},
                                    {"OMPI_MCA_btl_tcp_if_include", "lo"},
                                    {"OMPI_MCA_oob_tcp_if_include", "lo"}}) {
    ::setenv(name, value, 1);
  }
}

LocalSlurm::~LocalSlurm() {
  script({"stop", dir_.path()});
}

void LocalSlurm::lose(const std::string& node) const {
  must_do({"lose", dir_.path(), node});
}

void LocalSlurm::bring_back(const std::string& node) const {
  must_do({"node", dir_.path(), node});
}

void LocalSlurm::restart_daemons() const {
  must_do({"restart", dir_.path()});
}

void LocalSlurm::wait_for_time_check_within(std::chrono::seconds time) const {
  const auto since_check = (std::chrono::steady_clock::now() - started_) % std::chrono::seconds(30);
  if (std::chrono::seconds(30) - since_check > time) {
    std::this_thread::sleep_for(std::chrono::seconds(30) - since_check - time);
  }
}

std::string LocalSlurm::job_field(const std::string& job, const std::string& field) const {
  const ProgramResult shown = run_program({"scontrol", "show", "job", job, "--oneliner"});
  std::smatch match;
  return std::regex_search(shown.out, match, std::regex(" " + field + "=(\\S+)")) ? match[1].str() : "";
}

std::string LocalSlurm::log() const {
  return run_program({"tail", "-n", "30", dir_.file("log/slurmctld.log")}).out;
}

void LocalSlurm::must_do(std::vector<std::string> words) const {
  const ProgramResult result = script(std::move(words));
  EXPECT_EQ(result.status, 0) << result.err;
}

ProgramResult LocalSlurm::script(std::vector<std::string> words) const {
  words.insert(words.begin(), NS_SOURCE_DIR "/tests/slurm/local_slurm.sh");
  return run_program(words);
}

}  // namespace neurosweep::testing
