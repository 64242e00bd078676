#include <cstdio>
#include <cstdlib>
#include <exception>

#include "cluster/comm.hpp"
#include "cluster/mpi_calls.hpp"
#include "framework/base/error.hpp"
#include "framework/base/log.hpp"

namespace neurosweep {

namespace {

int log_current_exception() {
  try {
    if (const auto flying = std::current_exception()) std::rethrow_exception(flying);
    log_error("the program ended without an exception to blame");
  } catch (const Error& e) {
    log_error("{}", e.what());
    return exit_code(e.kind());
  } catch (const std::exception& e) {
    log_error("unexpected failure: {}", e.what());
  } catch (...) {
    log_error("unexpected failure of an unknown type");
  }
  return exit_status::kInternal;
}

[[noreturn]] void end_on_terminate() {
  abort_other_ranks(log_current_exception());
  std::abort();
}

void require_threads(int provided) {
  if (provided >= MPI_THREAD_MULTIPLE) return;
  throw error(ErrorKind::mpi,
              "MPI gives thread level {}, neurosweep needs {} (MPI_THREAD_MULTIPLE): start MPI with that level, or use "
              "an MPI built with thread support",
              provided, MPI_THREAD_MULTIPLE);
}

}  // namespace

std::string mpi_library_version() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string version(text, static_cast<std::size_t>(length));
  return version.substr(0, version.find('\n'));
}

void abort_other_ranks(int status) {
  if (!mpi_is_running()) return;
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (size == 1) return;
  std::fflush(nullptr);
  MPI_Abort(MPI_COMM_WORLD, status);
}

MpiSession::MpiSession(int& argc, char**& argv) {
  int provided = 0;
  if (mpi_is_running()) {
    check_mpi(MPI_Query_thread(&provided), "MPI_Query_thread");
  } else {
    check_mpi(MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
    started_here_ = true;
  }
  std::set_terminate(end_on_terminate);
  require_threads(provided);
}

MpiSession::~MpiSession() {
  if (!started_here_ || !mpi_is_running()) return;
  // MPI_Finalize would wait for ranks that do not know of the exception.
  if (std::uncaught_exceptions() > 0) abort_other_ranks(exit_status::kInternal);
  MPI_Finalize();
}

}  // namespace neurosweep
