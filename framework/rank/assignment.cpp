#include "framework/rank/assignment.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <queue>
#include <utility>

#include "framework/base/error.hpp"

namespace neurosweep {

namespace {

constexpr double kFar = std::numeric_limits<double>::infinity();
constexpr std::int64_t kNobody = -1;

/// Grows a matching of least cost, one row at a time. Column n_to + i stands for "row i stays alone".
class Matcher {
 public:
  Matcher(std::span<const MatchEdge> edges, std::int64_t n_from, std::int64_t n_to)
      : n_to_(n_to),
        begin_(static_cast<std::size_t>(n_from) + 1),
        partner_(static_cast<std::size_t>(n_from), kNobody),
        row_price_(static_cast<std::size_t>(n_from)),
        owner_(static_cast<std::size_t>(n_from + n_to), kNobody),
        column_price_(owner_.size()),
        distance_(owner_.size(), kFar),
        reached_from_(owner_.size(), kNobody) {
    for (const MatchEdge& edge : edges) {
      if (edge.from < 0 || edge.from >= n_from || edge.to < 0 || edge.to >= n_to) {
        throw input_error("an edge {} - {} does not fit a graph of {} and {}", edge.from, edge.to, n_from, n_to);
      }
      if (!std::isfinite(edge.weight) || edge.weight < 0) throw input_error("an edge weighs {}", edge.weight);
      highest_ = std::max(highest_, edge.weight);
      ++begin_[static_cast<std::size_t>(edge.from) + 1];
    }
    for (std::size_t i = 1; i < begin_.size(); ++i) begin_[i] += begin_[i - 1];
    edges_.resize(edges.size());
    std::vector<std::size_t> next(begin_.begin(), begin_.end() - 1);
    for (const MatchEdge& edge : edges) {
      edges_[next[static_cast<std::size_t>(edge.from)]++] = {edge.to, highest_ - edge.weight};
    }
    for (std::size_t i = 0; i < partner_.size(); ++i) {
      row_price_[i] = highest_;
      for_each_edge(static_cast<std::int64_t>(i),
                    [&](std::int64_t, double cost) { row_price_[i] = std::min(row_price_[i], cost); });
    }
  }

  std::vector<std::int64_t> run() {
    for (std::int64_t row = 0; row < std::ssize(partner_); ++row) add_row(row);
    for (std::int64_t& to : partner_) {
      if (to >= n_to_) to = kNobody;
    }
    return std::move(partner_);
  }

 private:
  struct Edge {
    std::int64_t to = 0;
    double cost = 0;
  };
  using Reached = std::pair<double, std::int64_t>;  ///< distance, column

  template <class Visit>
  void for_each_edge(std::int64_t row, Visit&& visit) const {
    for (std::size_t e = begin_[static_cast<std::size_t>(row)]; e < begin_[static_cast<std::size_t>(row) + 1]; ++e) {
      visit(edges_[e].to, edges_[e].cost);
    }
    visit(n_to_ + row, highest_);
  }

  void relax(std::int64_t row, double so_far) {
    for_each_edge(row, [&](std::int64_t to, double cost) {
      const auto j = static_cast<std::size_t>(to);
      const double d = so_far + std::max(0.0, cost - row_price_[static_cast<std::size_t>(row)] - column_price_[j]);
      if (d >= distance_[j]) return;
      if (distance_[j] == kFar) touched_.push_back(to);
      distance_[j] = d;
      reached_from_[j] = row;
      queue_.push({d, to});
    });
  }

  /// Finds the cheapest way to give `row` a column, moving others along.
  void add_row(std::int64_t row) {
    relax(row, 0);
    std::vector<std::int64_t> settled;
    std::int64_t end = kNobody;
    while (true) {
      const auto [d, column] = queue_.top();
      queue_.pop();
      if (d > distance_[static_cast<std::size_t>(column)]) continue;
      if (owner_[static_cast<std::size_t>(column)] == kNobody) {
        end = column;
        break;
      }
      settled.push_back(column);
      relax(owner_[static_cast<std::size_t>(column)], d);
    }
    const double length = distance_[static_cast<std::size_t>(end)];
    row_price_[static_cast<std::size_t>(row)] += length;
    for (const std::int64_t column : settled) {
      const auto j = static_cast<std::size_t>(column);
      const double saved = length - distance_[j];
      column_price_[j] -= saved;
      row_price_[static_cast<std::size_t>(owner_[j])] += saved;
    }
    for (std::int64_t column = end; column != kNobody;) {
      const std::int64_t taker = reached_from_[static_cast<std::size_t>(column)];
      owner_[static_cast<std::size_t>(column)] = taker;
      column = std::exchange(partner_[static_cast<std::size_t>(taker)], column);
    }
    for (const std::int64_t column : touched_) distance_[static_cast<std::size_t>(column)] = kFar;
    touched_.clear();
    queue_ = {};
  }

  std::int64_t n_to_;
  double highest_ = 0;
  std::vector<std::size_t> begin_;  ///< of each row's edges
  std::vector<Edge> edges_;
  std::vector<std::int64_t> partner_;
  std::vector<double> row_price_;
  std::vector<std::int64_t> owner_;
  std::vector<double> column_price_, distance_;
  std::vector<std::int64_t> reached_from_, touched_;
  std::priority_queue<Reached, std::vector<Reached>, std::greater<>> queue_;
};

}  // namespace

std::vector<std::int64_t> best_matching(std::span<const MatchEdge> edges, std::int64_t n_from, std::int64_t n_to) {
  return Matcher(edges, n_from, n_to).run();
}

}  // namespace neurosweep
