#pragma once

#include <string>

#include "framework/rank/transfer.hpp"
#include "framework/steer/steering_file.hpp"

namespace neurosweep {

/// How well a map holds: its samples, then one line a donor layer with the receiver's layer most like it, their CKA,
/// and the map's fit beside that of its shuffled control; for kIdentityMap how many neurons match their namesake best.
std::string map_quality_text(const TransferRows& rows, const std::string& map);

/// One line on a file that was made of `of` neurons of the donor.
std::string made_file_text(const TransferRows& rows, const std::string& path, const SteeringFile& file, std::size_t of);

}  // namespace neurosweep
