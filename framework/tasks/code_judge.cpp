#include "framework/tasks/code_judge.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>

#include "framework/base/error.hpp"
#include "framework/config/json.hpp"
#include "framework/tasks/code_programs.hpp"
#include "framework/tasks/pipes.hpp"

namespace neurosweep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostOutput = 1 << 20;  ///< bytes of standard output and error together
constexpr std::size_t kMostVerdict = 1 << 12;

/// Reads what comes at a pipe until its end, up to a limit.
class Collector {
 public:
  Collector(FileDescriptor pipe, std::size_t limit) : pipe_(std::move(pipe)), limit_(limit) {}

  int fd() const { return pipe_.get(); }
  bool is_open() const { return pipe_.get() >= 0; }
  bool is_over() const { return count_ > limit_; }
  const std::string& text() const { return text_; }

  void read_some() {
    std::array<char, 1 << 16> block{};
    const auto n = ::read(pipe_.get(), block.data(), block.size());
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) return pipe_.close();
    count_ += static_cast<std::size_t>(n);
    text_.append(block.data(), std::min(static_cast<std::size_t>(n), limit_ - std::min(limit_, text_.size())));
  }

 private:
  FileDescriptor pipe_;
  std::size_t limit_;
  std::size_t count_ = 0;
  std::string text_;
};

// Waits for the verdict; what ends the waiting otherwise is the reason.
std::string await_verdict(Collector& verdict, Collector& output, Clock::time_point deadline) {
  while (verdict.is_open()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return "out of time";
    std::array<pollfd, 2> waits = {{{verdict.fd(), POLLIN, 0}, {output.fd(), POLLIN, 0}}};
    const int n = poll(waits.data(), waits.size(), static_cast<int>(left) + 1);
    if (n < 0 && errno != EINTR) throw error(ErrorKind::internal, "cannot wait for a sandbox ({})", errno_text());
    if (n <= 0) continue;
    if (waits[1].revents != 0) output.read_some();
    if (waits[0].revents != 0) verdict.read_some();
    if (output.is_over()) return "too much output";
    if (verdict.is_over()) break;
  }
  return verdict.text().empty() ? "ended early" : verdict.text();
}

FileDescriptor open_nothing() {
  FileDescriptor nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (nothing.get() < 0) throw error(ErrorKind::io, "/dev/null: cannot open ({})", errno_text());
  return nothing;
}

}  // namespace

CodeVerdict judge_code(const SandboxSpec& spec, const std::string& code, const CodeTests& tests) {
  const auto deadline =
      Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(spec.seconds));
  const FileDescriptor nothing = open_nothing();
  Pipe asks = make_pipe();
  Pipe answers = make_pipe();
  Pipe output = make_pipe();
  Pipe verdict = make_pipe();
  const Json task = {{"before", tests.before}, {"tests", tests.tests}};
  const FileDescriptor source = make_memory_file(tests.before + code);
  const FileDescriptor task_file = make_memory_file(json_text(task));
  const int out = output.write.get();

  SandboxedPython completion(spec, kCompletionProgram,
                             std::array{nothing.get(), out, out, asks.read.get(), answers.write.get(), source.get()});
  SandboxedPython judge(
      spec, kTestsProgram,
      std::array{nothing.get(), out, out, answers.read.get(), asks.write.get(), task_file.get(), verdict.write.get()});
  for (Pipe* pipe : {&asks, &answers, &verdict, &output}) pipe->write.close();
  asks.read.close();
  answers.read.close();

  Collector said(std::move(verdict.read), kMostVerdict);
  Collector printed(std::move(output.read), kMostOutput);
  const std::string reason = await_verdict(said, printed, deadline);
  return {reason == "passed", reason};
}

}  // namespace neurosweep
