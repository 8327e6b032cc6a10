// Summaries of recordings for Python: argument checks, no arithmetic.
#include <pybind11/pybind11.h>

#include "python/arrays.hpp"
#include "python/bind.hpp"
#include "python/locked.hpp"
#include "python/status.hpp"
#include "reading/patience.hpp"
#include "reading/summary.hpp"

namespace py = pybind11;

namespace rppg {

py::tuple summary_tuple(const Summary& summary) {
  return py::make_tuple(summary.status, summary.heart_rate, summary.snr_db, summary.confidence,
                        summary.coverage, summary.spread, summary.frames, summary.duration,
                        summary.fps, summary.candidate);
}

void bind_summary(py::module_& module) {
  py::class_<RecordingSummary>(module, "RecordingSummary")
      .def(py::init<double, double, double>(), py::arg("step"), py::arg("max_gap"),
           py::arg("min_confidence"))
      .def("push",
           locked([](RecordingSummary& self, double time, Status status, double snr_db,
                     double confidence, double start, double end, double coverage,
                     double candidate) {
             Reading reading{};
             reading.status = status;
             reading.snr_db = snr_db;
             reading.confidence = confidence;
             reading.start = start;
             reading.end = end;
             reading.coverage = coverage;
             reading.candidate = candidate;
             return self.push(time, reading);
           }),
           py::arg("time"), py::arg("status"), py::arg("snr_db"), py::arg("confidence"),
           py::arg("start"), py::arg("end"), py::arg("coverage"), py::arg("candidate"))
      .def("evidence", locked([](const RecordingSummary& self) {
             const auto [rate, known] = self.evidence();
             return py::make_tuple(rate,
                                   Doubles(py::ssize_t{TrackEvidence::kCount}, known.items.data()));
           }))
      .def("summary",
           locked([](const RecordingSummary& self) { return summary_tuple(self.summary()); }));

  py::class_<Patience>(module, "Patience")
      .def(py::init<double>(), py::arg("window"))
      .def("restart", locked(&Patience::restart))
      .def("is_over", locked([](Patience& self, double time, Status status, double confidence) {
             Reading reading{};
             reading.status = status;
             reading.confidence = confidence;
             return self.is_over(time, reading);
           }),
           py::arg("time"), py::arg("status"), py::arg("confidence"));
}

}  // namespace rppg
