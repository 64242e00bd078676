#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace neurosweep {

/// Unbiased Hilbert-Schmidt independence criterion with linear kernels over one batch of samples: of every layer of a
/// model with every layer of another, and of each with itself. Sums over batches give CKA.
struct HsicBatch {
  std::vector<double> cross;  ///< [La * Lb]
  std::vector<double> a;      ///< [La]
  std::vector<double> b;      ///< [Lb]
};

/// a, b     one [n, D] per layer, the same samples in every one
///   throws   Error{input}: fewer than 4 samples
///   source   Song et al. 2012, eq. 5; over batches as in Nguyen, Raghu, Kornblith 2021, "Do wide and deep networks
///            learn the same things?"
HsicBatch measure_hsic(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b);

/// Samples that two models gave at the same places: those that a map is fitted on, and those that judge it.
struct PairedSamples {
  at::Tensor a, b;            ///< [n, Da], [n, Db] f32
  at::Tensor a_held, b_held;  ///< [m, Da], [m, Db]
};

/// For every coordinate of a, the coordinates of b that correlate most with it, by absolute value.
struct TopCorrelations {
  at::Tensor to;        ///< [Da, k] int64, strongest first
  at::Tensor fit;       ///< [Da, k] f32 Pearson's correlation; 0 where one of them never changes
  at::Tensor held_out;  ///< [Da, k] f32, over the samples held out
};

/// The whole matrix is never there: it is made in blocks of rows.
///   k        cut to Db
///   throws   Error{input}: fewer than 2 samples to fit or to judge
TopCorrelations top_correlations(const PairedSamples& samples, std::int64_t k);

/// A linear map x -> x matrix between centred residual streams.
struct ResidualMap {
  at::Tensor matrix;    ///< [Da, Db] f64 on the CPU
  double fit = 0;       ///< R²: share of the variance of b that the map explains
  double held_out = 0;  ///< the same over the samples held out, about the fit's mean; may be negative
};

/// Least squares with a penalty on the size of the map.
///   penalty  as a share of the mean variance of a coordinate of a
ResidualMap fit_ridge(const PairedSamples& samples, double penalty);

/// The rotation (a part of one where Da != Db) that brings a closest to b, times the best scale.
ResidualMap fit_procrustes(const PairedSamples& samples);

/// Orthogonal Procrustes: the rotation r that makes |a r - b| smallest.
///   a, b     [n, Da], [n, Db] f64, centred
///   returns  [Da, Db] f64 with orthonormal rows or columns
///   source   Schönemann 1966
at::Tensor orthogonal_procrustes(const at::Tensor& a, const at::Tensor& b);

}  // namespace neurosweep
