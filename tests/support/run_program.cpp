#include "tests/support/run_program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <thread>

#include "tests/support/temp_dir.hpp"

namespace neurosweep::testing {

namespace {

int exit_status_of(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

[[noreturn]] void become(const std::vector<std::string>& words, const std::string& in, const std::string& out,
                         const std::string& err) {
  dup2(open(in.c_str(), O_RDONLY), STDIN_FILENO);
  dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
  dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
  setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
  setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  setenv("OMP_NUM_THREADS", "1", 1);
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

std::string neurosweep_path() {
  return NS_BINARY_DIR "/neurosweep";
}

std::vector<std::string> mpirun_words(int ranks) {
  return {"mpirun", "--oversubscribe", "--bind-to", "none", "-n", std::to_string(ranks), neurosweep_path()};
}

ProgramResult run_program(const std::vector<std::string>& words, const std::string& input) {
  const TempDir dir;
  write_file(dir.file("in"), input);
  const pid_t pid = fork();
  if (pid < 0) throw std::runtime_error("fork failed");
  if (pid == 0) become(words, dir.file("in"), dir.file("out"), dir.file("err"));
  int status = 0;
  waitpid(pid, &status, 0);
  return {exit_status_of(status), read_file(dir.file("out")), read_file(dir.file("err"))};
}

ProgramResult run_neurosweep(const std::vector<std::string>& words, const std::string& input) {
  std::vector<std::string> all = {neurosweep_path()};
  all.insert(all.end(), words.begin(), words.end());
  return run_program(all, input);
}

BackgroundProgram::BackgroundProgram(const std::vector<std::string>& words) : pid_(fork()) {
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    setpgid(0, 0);
    become(words, "/dev/null", "/dev/null", "/dev/null");
  }
  setpgid(pid_, pid_);
}

BackgroundProgram::~BackgroundProgram() {
  signal_group(SIGKILL);
  wait();
}

void BackgroundProgram::signal_group(int signal) const {
  kill(-pid_, signal);
}

bool BackgroundProgram::finished_within(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (!reaped_ && std::chrono::steady_clock::now() < end) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      reaped_ = true;
      status_ = exit_status_of(status);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return reaped_;
}

int BackgroundProgram::wait() {
  if (!reaped_) {
    int status = 0;
    waitpid(pid_, &status, 0);
    reaped_ = true;
    status_ = exit_status_of(status);
  }
  return status_;
}

}  // namespace neurosweep::testing
