#include "monitor/recording.hpp"

namespace rppg {

bool Recording::take(const Monitor& monitor, const std::optional<std::int64_t>& id) {
  const MonitoredFace* const face = id ? monitor.find(*id) : &monitor.only();
  if (!face) return false;
  const std::size_t count = face->samples_since(seen_), before = times_.size();
  PulseWindow& window = face->stream->pulse();
  for (std::uint64_t i = window.total() - count; i < window.total(); ++i)
    times_.push_back(window.sample_time(i));
  values_.resize(before + count);
  missing_.resize(before + count);
  window.copy_unfiltered(count, values_.data() + before);
  window.copy_missing(count, missing_.data() + before);
  seen_ = face->samples();
  for (const MonitoredFace& there : monitor.faces())
    if (there.id == face->id) {
      box_ = there.box;
      turned_ = there.turned;
    }
  return summary_.push(monitor.time(), id ? face->reading : monitor.reading());
}

}  // namespace rppg
