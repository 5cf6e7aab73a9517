// Limits on the address space of this process, and memory that cannot be had.
#pragma once

#include <cstdint>
#include <new>
#include <string>
#include <utility>

namespace deeprmt {

/// Says whose work lacks memory, and how much. Python sees MemoryError.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

/// What a limit on the address space still leaves.
struct AddressSpace {
  std::int64_t bytes;
  const char* limit;  // its name; null where none is set

  bool limited() const { return limit != nullptr; }
};

/// The tighter of RLIMIT_AS and RLIMIT_DATA (`ulimit -v`, `ulimit -d`). Fast where neither is set.
AddressSpace address_space();

/// "12.3 MiB".
std::string shown_size(std::int64_t bytes);

}  // namespace deeprmt
