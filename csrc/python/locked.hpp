// Methods of objects that threads share. Under the GIL only one thread at a time runs them. Where
// Python has no GIL, `locked` gives the same promise for each object.
#pragma once

#include <pybind11/critical_section.h>
#include <pybind11/pybind11.h>

#include <functional>
#include <utility>

namespace rppg {

// Waits until no other thread runs a method of the object with this lock. A method that releases
// the GIL gives the lock up meanwhile, as it gives up the GIL.
class ObjectLock {
 public:
  explicit ObjectLock(const pybind11::object& self) : section_(self) {}

 private:
  pybind11::scoped_critical_section section_;
};

namespace locking {

template <typename Lock, typename Function, typename Result, typename Class, typename... Args>
auto wrap(Function function, Result (*)(Class&, Args...)) {
  return [function](const pybind11::object& self, Args... args) -> Result {
    const Lock lock(self);
    return std::invoke(function, self.cast<Class&>(), std::forward<Args>(args)...);
  };
}

}  // namespace locking

// The method for pybind11: it holds the object's lock while it runs. `method` is a member function,
// or a function of the object and further arguments.
template <typename Lock = ObjectLock, typename Result, typename Class, typename... Args>
auto locked(Result (Class::*method)(Args...)) {
  return locking::wrap<Lock>(method, static_cast<Result (*)(Class&, Args...)>(nullptr));
}
template <typename Lock = ObjectLock, typename Result, typename Class, typename... Args>
auto locked(Result (Class::*method)(Args...) const) {
  return locking::wrap<Lock>(method, static_cast<Result (*)(const Class&, Args...)>(nullptr));
}
template <typename Lock = ObjectLock, typename Function>
auto locked(Function function) {
  using Signature = pybind11::detail::function_signature_t<Function>;
  return locking::wrap<Lock>(function, static_cast<Signature*>(nullptr));
}

}  // namespace rppg
