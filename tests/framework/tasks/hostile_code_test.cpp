#include <arpa/inet.h>
#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "framework/base/error.hpp"
#include "framework/tasks/code_judge.hpp"
#include "framework/tasks/pipes.hpp"
#include "tests/support/expect_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace neurosweep {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr std::string_view kTests = "assert f(1) == 2\nassert f(5) == 6\n";

// The parent of a process, or 0 where it has gone.
int parent_of(const fs::path& process) {
  std::ifstream file(process / "status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("PPid:")) return std::stoi(line.substr(5));
  }
  return 0;
}

// Pythons of sandboxes, by what their command lines hold, that belong to this program or to nobody any more.
std::set<std::string> processes() {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (const int parent = parent_of(entry.path()); parent != getpid() && parent != 1) continue;
    std::ifstream file(entry.path() / "cmdline");
    std::stringstream line;
    line << file.rdbuf();
    const std::string words = line.str();
    if (words.find("between the tests and the completion") != std::string::npos ||
        words.find("while True: pass") != std::string::npos) {
      found.insert(name);
    }
  }
  return found;
}

std::set<std::string> scratch_folders() {
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(fs::temp_directory_path())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("neurosweep-code")) found.insert(name);
  }
  return found;
}

/// Every hostile program in both kinds of isolation.
class HostileCode : public ::testing::TestWithParam<Isolation> {
 protected:
  void SetUp() override {
    spec_.isolation = GetParam();
    spec_.seconds = 4;
    try {
      SandboxedPython(spec_, "pass", {});
    } catch (const Error& failure) {
      GTEST_SKIP() << failure.what();
    }
    before_ = processes();
    folders_before_ = scratch_folders();
  }

  CodeVerdict judge(const std::string& code) const { return judge_code(spec_, code, {"", std::string(kTests)}); }

  // Fails, at once or in time, and leaves no process and no folder.
  std::string refusal(const std::string& code) const {
    const auto begin = std::chrono::steady_clock::now();
    const CodeVerdict verdict = judge(code);
    const auto took = std::chrono::steady_clock::now() - begin;

    EXPECT_FALSE(verdict.passed) << code;
    EXPECT_LT(took, std::chrono::duration<double>(spec_.seconds + 2)) << code;
    for (const auto& process : processes()) EXPECT_TRUE(before_.count(process)) << "left behind: " << process;
    EXPECT_EQ(scratch_folders(), folders_before_);
    return verdict.reason;
  }

  // What the code itself sees when it tries something: as "Exception: saw 'text'".
  std::string outcome(const std::string& body) const {
    const std::string code = "def f(x):\n    try:\n" + body + "\n    except BaseException as e:\n" +
                             "        return type(e).__name__ + ': ' + str(e)\n";
    const CodeVerdict verdict =
        judge_code(spec_, code, {"", "result = f(1)\nraise Exception('saw ' + repr(result))\n"});
    EXPECT_FALSE(verdict.passed);
    return verdict.reason;
  }

  SandboxSpec spec_;
  std::set<std::string> before_;
  std::set<std::string> folders_before_;
};

INSTANTIATE_TEST_SUITE_P(Isolations, HostileCode, ::testing::Values(Isolation::namespaces, Isolation::limits_only),
                         [](const auto& each) {
                           return std::string(each.param == Isolation::namespaces ? "namespaces" : "limits_only");
                         });

TEST_P(HostileCode, HonestCodePasses) {
  EXPECT_EQ(judge("def f(x):\n    return x + 1\n").reason, "passed");
  EXPECT_EQ(
      judge("import math, re, collections, itertools, random\ndef f(x):\n    print('hi')\n    return x + 1\n").reason,
      "passed");
}

TEST_P(HostileCode, WrongCodeFails) {
  EXPECT_THAT(refusal("def f(x):\n    return x + 2\n"), HasSubstr("AssertionError"));
  EXPECT_THAT(refusal("def f(x)\n    return x + 1\n"), HasSubstr("EOFError"));
  EXPECT_THAT(refusal("def g(x):\n    return x + 1\n"), HasSubstr("KeyError"));
  EXPECT_THAT(refusal(""), HasSubstr("KeyError"));
  EXPECT_THAT(refusal("def f(x):\n    return x / 0\n"), HasSubstr("ZeroDivisionError"));
}

TEST_P(HostileCode, ForkBombsStartNothing) {
  refusal("import os\nwhile True:\n    os.fork()\n");
  refusal("import subprocess\nwhile True:\n    subprocess.Popen(['/usr/bin/python3', '-c', 'while True: pass'])\n");
  EXPECT_THAT(outcome("        import os; os.fork()"), HasSubstr("Error"));
  EXPECT_THAT(outcome("        import threading; threading.Thread(target=print).start()"), HasSubstr("RuntimeError"));
}

TEST_P(HostileCode, DaemonsDoNotStayBehind) {
  refusal(
      "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True: pass\n    "
      "os._exit(0)\n");
}

TEST_P(HostileCode, MemoryBombsEndThemselves) {
  refusal("x = []\nwhile True:\n    x.append(bytearray(1 << 26))\n");
  refusal("def f(x):\n    return 'a' * (1 << 40)\n");
  refusal("def f(x):\n    return [f(x), f(x)]\n");
  refusal("import os\nwhile True:\n    os.write(os.memfd_create('m'), b'0' * (1 << 24))\n");
}

TEST_P(HostileCode, EndlessCodeRunsOutOfTime) {
  EXPECT_EQ(refusal("while True:\n    pass\n"), "out of time");
  EXPECT_EQ(refusal("import time\ndef f(x):\n    time.sleep(1000)\n"), "out of time");
  EXPECT_EQ(refusal("import signal, time\nfor n in range(1, 65):\n    try: signal.signal(n, signal.SIG_IGN)\n"
                    "    except Exception: pass\nwhile True: time.sleep(1)\n"),
            "out of time");
}

TEST_P(HostileCode, FloodsOfOutputAreCutOff) {
  EXPECT_EQ(refusal("while True:\n    print('x' * 1000000)\n"), "too much output");
  EXPECT_EQ(refusal("import os\nwhile True:\n    os.write(2, b'x' * 1000000)\n"), "too much output");
  refusal("import os\nwhile True:\n    os.write(4, b'x' * 1000000)\n");
}

TEST_P(HostileCode, ThereIsNoNetwork) {
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(server, 1), 0);
  ASSERT_EQ(getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), 0);

  const std::string tried =
      outcome(fmt::format("        import socket; socket.create_connection(('127.0.0.1', {}), 2); return 'connected'",
                          ntohs(address.sin_port)));
  close(server);

  EXPECT_THAT(tried, HasSubstr("PermissionError"));
  EXPECT_THAT(outcome("        import socket; socket.socket(socket.AF_UNIX); return 'made'"),
              HasSubstr("PermissionError"));
}

TEST_P(HostileCode, SecretsOfRootAreOutOfReach) {
  EXPECT_THAT(outcome("        return open('/etc/shadow').read()"), HasSubstr("Error"));
  EXPECT_THAT(outcome("        import os; return os.listdir('/root')"), HasSubstr("Error"));
  EXPECT_THAT(outcome("        return open('/proc/1/environ').read()"), HasSubstr("Error"));
}

TEST_P(HostileCode, TheEnvironmentIsEmpty) {
  setenv("NEUROSWEEP_SECRET", "hunter2", 1);

  const std::string seen = outcome("        import os; return ' '.join(sorted(os.environ))");
  unsetenv("NEUROSWEEP_SECRET");

  EXPECT_THAT(seen, HasSubstr("'LANG PATH PYTHONHASHSEED'"));
}

TEST_P(HostileCode, NoDescriptorIsInherited) {
  const testing::TempDir dir;
  testing::write_file(dir.file("secret"), "hunter2");
  const FILE* open_here = fopen(dir.file("secret").c_str(), "r");
  ASSERT_NE(open_here, nullptr);

  const std::string seen = outcome(
      "        import os\n        seen = []\n        for n in range(64):\n            try: os.fstat(n); "
      "seen.append(n)\n"
      "            except OSError: pass\n        return str(seen)");
  fclose(const_cast<FILE*>(open_here));

  EXPECT_THAT(seen, HasSubstr("[0, 1, 2, 3, 4]"));
}

TEST_P(HostileCode, NothingOutsideItsFolderCanBeWritten) {
  for (const char* path : {"/usr/neurosweep", "/neurosweep", "/usr/lib/neurosweep", "/etc/neurosweep"}) {
    EXPECT_THAT(outcome(fmt::format("        open('{}', 'w').write('x'); return 'written'", path)), HasSubstr("Error"));
    EXPECT_FALSE(fs::exists(path));
  }
  EXPECT_THAT(outcome("        open('mine', 'w').write('x'); return open('mine').read()"), HasSubstr("'x'"));
  EXPECT_THAT(outcome("        import os; return ' '.join(os.listdir('.'))"), HasSubstr("''"));
}

TEST_P(HostileCode, FilesHaveASizeLimit) {
  refusal("with open('big', 'wb') as f:\n    while True:\n        f.write(b'0' * (1 << 20))\n");
}

TEST_P(HostileCode, OtherProcessesCannotBeKilled) {
  EXPECT_THAT(outcome(fmt::format("        import os; os.kill({}, 9); return 'killed'", getpid())), HasSubstr("Error"));
  EXPECT_THAT(outcome("        import os; os.kill(-1, 9); return 'killed'"), HasSubstr("Error"));
  EXPECT_THAT(outcome("        import os; os.kill(os.getppid(), 9); return 'killed'"), HasSubstr("Error"));
}

TEST_P(HostileCode, NewNamespacesAndMountsAreRefused) {
  const std::string call =
      "        import ctypes; c = ctypes.CDLL(None, use_errno=True)\n        r = c.{}\n"
      "        return 'done' if r == 0 else 'errno %d' % ctypes.get_errno()";
  for (const char* what : {"unshare(0x10000000)", "mount(b'none', b'/work', b'tmpfs', 0, None)", "chroot(b'.')",
                           "ptrace(0, 0, 0, 0)", "setuid(0)"}) {
    EXPECT_THAT(outcome(fmt::format(fmt::runtime(call), what)),
                ::testing::AnyOf(HasSubstr("errno"), HasSubstr("Error")))
        << what;
  }
}

TEST_P(HostileCode, EndingBeforeTheTestsDoesNotPass) {
  EXPECT_THAT(refusal("import os\nos._exit(0)\n"), HasSubstr("EOFError"));
  EXPECT_THAT(refusal("import sys\nsys.exit(0)\n"), HasSubstr("EOFError"));
  EXPECT_THAT(refusal("import os\ndef f(x):\n    os._exit(0)\n"), HasSubstr("EOFError"));
  EXPECT_THAT(refusal("import sys\ndef f(x):\n    sys.exit(0)\n"), HasSubstr("RuntimeError"));
  EXPECT_THAT(refusal("raise SystemExit(0)\n"), HasSubstr("EOFError"));
}

TEST_P(HostileCode, TheTestsCannotBeBent) {
  refusal(
      "class Same(int):\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n"
      "def f(x):\n    return Same(7)\n");
  refusal("class Same:\n    def __eq__(self, other): return True\ndef f(x):\n    return Same()\n");
  refusal(
      "import builtins\nbuiltins.AssertionError = type('E', (Exception,), {})\nbuiltins.__debug__ = False\n"
      "def f(x):\n    return 0\n");
  refusal("import sys, ast, json\njson.loads = lambda *a: 2\nsys.settrace(lambda *a: None)\ndef f(x):\n    return 0\n");
  refusal("import os\ntry: os.write(6, b'passed')\nexcept OSError: pass\nos.write(1, b'passed')\nos._exit(0)\n");
  refusal(
      "import gc\nfor each in gc.get_objects():\n    if isinstance(each, dict): each['passed'] = True\n"
      "def f(x):\n    return 0\n");
}

TEST_P(HostileCode, ForgedAnswersAreOnlyValues) {
  const std::string forged = "import os\nos.write(4, b'[\"f\"]\\n' + b'{}\\n' * 4)\nos._exit(0)\n";

  for (const char* answer : {R"({"value": {"r": 0}})", R"({"value": {"d": [[{"l": [], "k": "list"}, 1]]}})",
                             R"({"value": {"l": [], "k": "eval"}})", R"({"value": {"t": "exec"}})", "passed",
                             R"({"error": "SystemExit", "text": "passed"})"}) {
    std::string code = forged;
    code.replace(code.find("{}"), 2, answer);
    refusal(code);
  }
}

TEST(Sandbox, RunsWhereTheCallerHasNoStandardInput) {
  const SandboxSpec spec;
  CodeVerdict verdict;

  try {
    verdict = judge_code(spec, "import sys\ndef f(x):\n    return sys.stdin.read()\n", {"", "assert f(1) == ''\n"});
  } catch (const Error& failure) {
    GTEST_SKIP() << failure.what();
  }

  EXPECT_EQ(verdict.reason, "passed");
}

TEST(Sandbox, StartsFromAProgramWithThreads) {
  std::vector<std::string> reasons(3);
  {
    std::vector<std::jthread> threads;
    for (std::string& reason : reasons) {
      threads.emplace_back([&reason] {
        try {
          reason = judge_code({}, "def f(x):\n    return x + 1\n", {"", std::string(kTests)}).reason;
        } catch (const Error& failure) {
          reason = failure.what();
        }
      });
    }
  }

  if (reasons.front().find("cannot be set up") != std::string::npos) GTEST_SKIP() << reasons.front();
  EXPECT_THAT(reasons, ::testing::Each("passed"));
}

TEST(Sandbox, KillsWhatIsStillRunningAtTheEndOfItsScope) {
  const auto before = processes();
  {
    try {
      SandboxedPython endless({}, "while True: pass", {});
      EXPECT_GT(processes().size(), before.size());
    } catch (const Error& failure) {
      GTEST_SKIP() << failure.what();
    }
  }

  EXPECT_EQ(processes().size(), before.size());
}

TEST(Sandbox, NamesAPythonThatIsNotThere) {
  SandboxSpec spec;
  spec.python = "/usr/bin/no-such-python";

  expect_error(ErrorKind::input, HasSubstr("/usr/bin/no-such-python: no Python that can be run"),
               [&] { SandboxedPython(spec, "pass", {}); });
}

TEST(Sandbox, KnowsTwoKindsOfIsolation) {
  EXPECT_EQ(parse_isolation("namespaces"), Isolation::namespaces);
  EXPECT_EQ(parse_isolation("limits-only"), Isolation::limits_only);
  expect_error(ErrorKind::input, HasSubstr("expected namespaces or limits-only"), [] { parse_isolation("none"); });
}

}  // namespace
}  // namespace neurosweep
