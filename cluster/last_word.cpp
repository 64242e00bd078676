#include "cluster/last_word.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr std::array kCrashes = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

std::atomic<int> g_descriptor = -1;
std::atomic<off_t> g_offset = 0;
std::array<struct sigaction, kCrashes.size()> g_before;

extern "C" void note_crash(int number) {
  leave_last_word(number);
  for (std::size_t i = 0; i < kCrashes.size(); ++i) {
    if (kCrashes[i] == number) sigaction(number, &g_before[i], nullptr);
  }
  raise(number);
}

}  // namespace

void leave_last_word(int word) {
  const int descriptor = g_descriptor.exchange(-1);
  if (descriptor < 0) return;
  const int before = errno;
  const std::int32_t bytes = word;
  // Nobody is left to tell of a failure: what is not written counts as SIGKILL.
  [[maybe_unused]] const ssize_t written = ::pwrite(descriptor, &bytes, sizeof bytes, g_offset);
  errno = before;
}

LastWord::LastWord(int descriptor, off_t offset) {
  g_offset = offset;
  g_descriptor = descriptor;
  struct sigaction action = {};
  action.sa_handler = note_crash;
  action.sa_flags = SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kCrashes.size(); ++i) {
    if (sigaction(kCrashes[i], &action, &g_before[i]) != 0) {
      throw error(ErrorKind::internal, "no handler for signal {} ({})", kCrashes[i], errno_text());
    }
  }
}

LastWord::~LastWord() {
  g_descriptor = -1;
  for (std::size_t i = 0; i < kCrashes.size(); ++i) sigaction(kCrashes[i], &g_before[i], nullptr);
}

}  // namespace neurosweep
