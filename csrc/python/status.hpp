// Status in Python is rppg_fast.Status: arguments and results of bindings are converted from and
// to it.
#pragma once

#include <pybind11/pybind11.h>

#include "reading/reading.hpp"

namespace rppg {

// The member of rppg_fast.Status for a status.
pybind11::object status_object(Status status);
// The status of a member of rppg_fast.Status; false if the object is none.
bool is_status(pybind11::handle object, Status& status);

}  // namespace rppg

namespace pybind11::detail {

template <>
struct type_caster<rppg::Status> {
  PYBIND11_TYPE_CASTER(rppg::Status, const_name("Status"));

  bool load(handle source, bool) { return rppg::is_status(source, value); }

  static handle cast(rppg::Status status, return_value_policy, handle) {
    return rppg::status_object(status).release();
  }
};

}  // namespace pybind11::detail
