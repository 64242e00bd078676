#include "experiments/runner.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>

#include <ATen/Parallel.h>
#include <torch/headeronly/version.h>

#include "cluster/collectives.hpp"
#include "cluster/device.hpp"
#include "cluster/device_lock.hpp"
#include "cluster/dispatcher.hpp"
#include "cluster/last_word.hpp"
#include "cluster/progress.hpp"
#include "cluster/rank_groups.hpp"
#include "cluster/watchdog.hpp"
#include "experiments/every_rank.hpp"
#include "experiments/experiment.hpp"
#include "experiments/failure_of.hpp"
#include "experiments/identity.hpp"
#include "experiments/model_ranks.hpp"
#include "experiments/plan_keys.hpp"
#include "experiments/rank_health.hpp"
#include "experiments/unit_cost.hpp"
#include "framework/base/error.hpp"
#include "framework/base/hash.hpp"
#include "framework/base/log.hpp"
#include "framework/model/device_settings.hpp"
#include "framework/store/folder.hpp"
#include "framework/store/merge.hpp"
#include "framework/store/outdated.hpp"
#include "framework/store/rebuild.hpp"
#include "framework/store/shard.hpp"
#include "framework/store/suspicion.hpp"
#include "framework/store/unit_journal.hpp"
#include "framework/store/verify.hpp"

namespace neurosweep {

namespace {

/// How long a rank whose unit failed waits for the others of its group before it ends the run: they may wait for it in
/// the middle of the unit. Nobody waits for anybody while models are loaded.
constexpr std::chrono::seconds kUnitPatience{30};
constexpr std::chrono::hours kLoadPatience{24};

/// The CUDA device of a rank, or nothing for the CPU.
std::optional<int> choose_device(const std::string& wanted, int local_rank) {
  if (wanted == "cpu") return std::nullopt;
  const auto device = choose_cuda_device(local_rank, cuda_device_count());
  if (wanted == "cuda" && !device) {
    throw error(ErrorKind::device,
                "[study] device = \"cuda\", but no CUDA device is visible here: use \"auto\" or \"cpu\"");
  }
  return device;
}

class StudyRun {
 public:
  StudyRun(const RunRequest& request, const Comm& comm, const StopToken& stop)
      : dir_(request.store), retry_failed_(request.retry_failed), share_(request.share), comm_(comm), stop_(stop) {
    on_every_rank(comm_, [&] {
      StudySpec study = read_study(request.study_path, request.settings);
      experiments_ = make_experiments(study);
      catalog_.emplace(std::move(study));
    });
    if (dir_.empty()) dir_ = "study-" + settings().name;
    prepare_device();
    on_root(comm_, [&] { start_launch(); });
    launch_ = static_cast<int>(comm_.all_max(launch_));
    comm_.broadcast(study_id_);
    record_workers();
    shard_.emplace(shard_path(dir_, launch_, comm_.rank()), study_id_, launch_, comm_.rank());
    journal_.emplace(dir_, launch_, comm_.rank());
    last_word_.emplace(journal_->descriptor(), UnitJournal::kWordOffset);
    health_.emplace(RankHealth::Run{launch_, share_.count, static_cast<int>(settings().ranks_per_model)});
    const double deadline = settings().unit_deadline;
    watchdog_.emplace(deadline > 0 ? std::optional(std::chrono::duration<double>(deadline)) : std::nullopt,
                      comm_.rank());
  }

  RunResult run() {
    bool stopped = false;
    for (std::size_t e = 0; e < experiments_.size() && !stopped; ++e) {
      for (std::int64_t round_no = 0; !stopped; ++round_no) {
        round_id_ = round_id_of(e, round_no);
        if (!plan_round(*experiments_[e], round_no)) break;
        stopped = run_round(*experiments_[e]);
      }
      if (!stopped) reduce(*experiments_[e]);
    }
    shard_->close();
    return finish(stopped);
  }

 private:
  const StudySettings& settings() const { return catalog_->study().settings; }
  at::Device device() const {
    return cuda_device_ ? at::Device(at::kCUDA, static_cast<at::DeviceIndex>(*cuda_device_)) : at::Device(at::kCPU);
  }

  /// Chooses the device, and on the first rank or group loads every model once, so that a damaged one is found before
  /// any work.
  void prepare_device() {
    place_ = find_local_place(comm_);
    on_every_rank(comm_, [&] { cuda_device_ = choose_device(settings().device, place_.rank); });
    lock_device();
    if (settings().threads > place_.threads && comm_.rank() == 0) {
      log_warning("{} threads a rank, but only {} processors for each here: expect it to be slow", settings().threads,
                  place_.threads);
    }
    at::set_num_threads(static_cast<int>(settings().threads));
    on_every_rank(comm_, [&] { groups_.emplace(comm_, static_cast<int>(settings().ranks_per_model)); });
    on_every_rank(comm_,
                  [&] { bench_.emplace(*catalog_, device(), make_model_group(groups_->group(), cuda_device_)); });
    on_every_rank(comm_, [&] {
      if (comm_.rank() >= groups_->group().size()) return;
      for (const auto& model : catalog_->study().model_names()) bench_->decoder(model);
    });
  }

  void lock_device() {
    const auto sharing = settings().share_devices ? DeviceSharing::allowed : DeviceSharing::refused;
    std::string device;
    on_every_rank(comm_, [&] { device = cuda_device_ ? cuda_device_identity(*cuda_device_) : ""; });
    const auto hosts = comm_.gather(host_name()), devices = comm_.gather(device);
    on_root(comm_, [&] { check_devices_differ(hosts, devices, sharing); });
    on_every_rank(comm_, [&] {
      if (!device.empty()) device_lock_.emplace(device, sharing);
    });
  }

  void start_launch() {
    const StudyIdentity identity = make_identity(*catalog_);
    rebuild_if_damaged(dir_, identity);
    Database db = create_or_open_results(dir_, identity);
    study_id_ = db.study().study_id;
    for (const auto& experiment : experiments_) {
      experiment->check(db);
      experiment->check_items(*catalog_);
    }
    launch_ = claim_launch(dir_, last_launch(db));
    merge();
    record_crashes(db, dir_);
    if (retry_failed_) log_info("{} units that failed are tried again", forget_failures(db));
  }

  void record_workers() {
    const auto devices = comm_.gather(device_text(device(), cuda_device_ ? cuda_device_name(*cuda_device_) : ""));
    const auto hosts = comm_.gather(host_name());
    const auto pids = comm_.gather(std::to_string(getpid()));
    on_root(comm_, [&] {
      warn_of_mixed_devices(devices);
      std::vector<WorkerRow> workers;
      for (int rank = 0; rank < comm_.size(); ++rank) {
        workers.push_back({launch_, rank, hosts[rank], std::stoll(pids[rank]), devices[rank], TORCH_VERSION,
                           mpi_library_version(), settings().threads});
      }
      const auto environment = [](const char* name) -> std::optional<std::string> {
        const char* value = std::getenv(name);
        return value ? std::optional<std::string>(value) : std::nullopt;
      };
      const auto restart = environment("SLURM_RESTART_COUNT");
      Database db = Database::open_results(dir_, Database::Access::write);
      write_launch(db,
                   {launch_, utc_now(), std::nullopt, comm_.size(), environment("SLURM_JOB_ID"),
                    restart ? std::optional<std::int64_t>(std::stoll(*restart)) : std::nullopt, std::nullopt},
                   workers, [&](const std::vector<WorkerRow>& before) {
                     if (share_.count == 1) return;
                     std::vector<std::string> devices_before;
                     for (const WorkerRow& worker : before) devices_before.push_back(worker.device);
                     need_one_kind_of_device(devices_before, devices);
                   });
    });
  }

  /// Plans a round on rank 0 and gives it to all. False when the experiment has no further round. Where units that had
  /// failed are measured by now, what was planned without them is dropped.
  bool plan_round(const Experiment& experiment, std::int64_t round_no) {
    std::string text;
    on_root(comm_, [&] {
      Database db = Database::open_results(dir_, Database::Access::write);
      std::optional<Plan> plan = experiment.plan(*catalog_, round_no, db);
      const OwnedStore store{dir_, launch_};
      if (!plan) return drop_outdated_between(db, store, round_id_, round_id_ - round_no + kMostRounds);
      set_round_id(*plan, round_id_);
      text = plan_to_text(*plan);
      const RoundRow round{round_id_,
                           plan->experiment,
                           plan->kind,
                           plan->round_no,
                           hash_text(text),
                           static_cast<std::int64_t>(plan->units.size()),
                           "{}"};
      drop_outdated(db, store, round);
      write_round(db, round, plan->arms, plan->members, plan->steer_arms, plan->gates);
      rounds_.push_back(round_id_);
    });
    comm_.broadcast(text);
    if (text.empty()) return false;
    plan_ = plan_from_text(text);
    plan_hash_ = hash_text(text);
    return true;
  }

  /// Runs what is left of the planned round, failed units up to kMaxAttempts times. True when asked to stop.
  bool run_round(const Experiment& experiment) {
    std::vector<int> resting;
    while (true) {
      std::vector<std::int64_t> todo;
      on_root(comm_, [&] { todo = units_to_do(); });
      if (comm_.all_max(static_cast<std::int64_t>(todo.size())) == 0) return false;
      std::string attempts = json_text(Json(attempts_));
      comm_.broadcast(attempts);
      attempts_ = parse_json(attempts, "attempts").get<std::map<std::int64_t, std::int64_t>>();
      ProgressSink progress(fmt::format("{} ({})", plan_.experiment, plan_.kind));
      const auto result = run_units(
          *groups_, choose_units(queue_units(*catalog_, plan_, todo, setbacks_), share_, groups_->leaders().size()),
          [&](std::int64_t unit) { return run_unit(experiment, unit); }, stop_, &progress, resting);
      shard_->commit();
      comm_.barrier();
      result_.units_done += result.done;
      on_root(comm_, [&] { merge(); });
      if (result.stopped) return true;
      resting = review();
    }
  }

  std::vector<int> review() {
    std::optional<Database> db;
    on_root(comm_, [&] { db.emplace(Database::open_results(dir_, Database::Access::read)); });
    return health_->review(comm_, db ? &*db : nullptr, round_id_);
  }

  /// Units of the next pass. What may have ended whole launches goes alone, when the others are safe.
  std::vector<std::int64_t> units_to_do() {
    const Database db = Database::open_results(dir_, Database::Access::read);
    attempts_.clear();
    for (const FailureCount& failure : failure_counts(db, round_id_)) attempts_[failure.unit] = failure.attempts;
    const auto suspicions = suspicion_counts(db, round_id_);
    setbacks_ = attempts_;
    for (const auto& [unit, count] : suspicions) setbacks_[unit] += count;
    std::vector<std::int64_t> todo, alone;
    for (std::int64_t unit : pending_units(db, round_id_)) {
      if (attempts_of(unit) >= kMaxAttempts) continue;
      const bool risky = suspicions.contains(unit) && setbacks_[unit] >= kSetbacksToRunAlone;
      (risky ? alone : todo).push_back(unit);
    }
    if (!todo.empty() || alone.empty()) return todo;
    return {alone[static_cast<std::size_t>(share_.index) % alone.size()]};
  }

  std::int64_t attempts_of(std::int64_t unit) const {
    const auto found = attempts_.find(unit);
    return found == attempts_.end() ? 0 : found->second;
  }

  UnitOutcome run_unit(const Experiment& experiment, std::int64_t number) {
    const WorkUnit& unit = plan_.units.at(static_cast<std::size_t>(number));
    load_model(unit.model);
    const auto begin = std::chrono::steady_clock::now();
    watchdog_->begin_unit(number);
    journal_->begin_unit(round_id_, number);
    std::optional<UnitRows> rows;
    std::optional<Error> failure = failure_of([&] { rows = experiment.measure(*bench_, plan_, unit); });
    const auto [failed, alone] = groups_->agree(failure ? failure->what() : "", kUnitPatience);
    if (!failure && !failed.empty()) failure = error(ErrorKind::internal, "on another rank of the group: {}", failed);
    journal_->end_unit();
    watchdog_->end_unit();
    if (failure) {
      note_failure(number, *failure, alone);
      return UnitOutcome::failed;
    }
    health_->note_done();
    if (!groups_->is_leader()) return UnitOutcome::done;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    shard_->append(round_id_, number, unit_hash(plan_hash_, number), std::move(*rows), seconds.count());
    return UnitOutcome::done;
  }

  /// Loads what a unit needs, before its clock starts. A rank that cannot is of no use to any unit: the run ends.
  void load_model(const std::string& name) {
    const auto failure = failure_of([&] { bench_->decoder(name); });
    if (failure) {
      shard_->commit();
      const bool of_device = cuda_device_ && failure->kind() == ErrorKind::internal;
      throw error(of_device ? ErrorKind::device : failure->kind(), "rank {} on {} cannot load the model '{}': {}",
                  comm_.rank(), host_name(), name, failure->what());
    }
    groups_->agree("", kLoadPatience);
  }

  /// A failure of the whole group is its leader's to tell; a rank that failed alone ends the run, as the others wait
  /// for it in the middle of the unit.
  void note_failure(std::int64_t number, const Error& failure, bool alone) {
    if (!alone && !groups_->is_leader()) return;
    log_error("unit {} of '{}' failed: {}", number, plan_.experiment, failure.what());
    health_->note_failure(round_id_, number, failure);
    shard_->fail(round_id_, number, static_cast<int>(attempts_of(number)) + 1, failure);
    if (!alone) return;
    shard_->commit();
    throw error(failure.kind(), "unit {} failed on this rank of a group of {} alone: run again to go on", number,
                groups_->group().size());
  }

  void merge() {
    const MergeReport report = merge_shards(dir_);
    for (const auto& shard : report.busy) {
      log_warning("{}: in use by another process; its results wait for the next merge", shard);
    }
    if (report.units_damaged > 0) {
      log_warning("{} units did not match their checksums and will be measured again", report.units_damaged);
    }
  }

  void reduce(const Experiment& experiment) {
    on_root(comm_, [&] {
      Database db = Database::open_results(dir_, Database::Access::write);
      experiment.reduce(*catalog_, db);
    });
  }

  void warn_of_other_rounds(const Database& db) const {
    const std::int64_t others = db.connection().integer("SELECT count(*) FROM round") - std::ssize(rounds_);
    if (others == 0) return;
    log_warning(
        "{}: holds {} rounds that the study does not plan now: their units are not waited for, but 'neurosweep "
        "verify' counts them as missing",
        db.path(), others);
  }

  RunResult finish(bool stopped) {
    std::int64_t missing = 0;
    on_root(comm_, [&] {
      Database db = Database::open_results(dir_, Database::Access::write);
      for (const std::int64_t round : rounds_) missing += count_pending_units(db, round);
      if (!stopped) warn_of_other_rounds(db);
      end_launch(db, launch_, stopped ? stop_.reason() : missing > 0 ? "failed units" : "complete");
      result_.content_hash = content_hash(db);
    });
    missing = comm_.all_max(missing);
    result_.store = dir_;
    result_.units_failed = stopped ? 0 : missing;
    result_.status = stopped       ? exit_status::kCheckpointed
                     : missing > 0 ? exit_status::kFailedUnits
                                   : exit_status::kComplete;
    return result_;
  }

  std::string dir_;
  bool retry_failed_;
  JobShare share_;
  const Comm& comm_;
  StopToken stop_;
  LocalPlace place_;
  std::optional<int> cuda_device_;
  std::optional<DeviceLock> device_lock_;
  std::vector<std::unique_ptr<Experiment>> experiments_;
  std::optional<Catalog> catalog_;
  std::optional<RankGroups> groups_;
  std::optional<Workbench> bench_;
  std::optional<ShardWriter> shard_;
  std::optional<UnitJournal> journal_;
  std::optional<LastWord> last_word_;
  std::optional<UnitWatchdog> watchdog_;
  std::optional<RankHealth> health_;
  std::string study_id_;
  int launch_ = 0;
  std::int64_t round_id_ = 0;
  std::vector<std::int64_t> rounds_;  // planned so far; on rank 0
  Plan plan_;
  std::string plan_hash_;
  std::map<std::int64_t, std::int64_t> attempts_;
  std::map<std::int64_t, std::int64_t> setbacks_;  ///< of rank 0: attempts and suspicions, by unit
  RunResult result_;
};

}  // namespace

RunResult run_study(const RunRequest& request, const Comm& comm, const StopToken& stop) {
  return StudyRun(request, comm, stop).run();
}

}  // namespace neurosweep
