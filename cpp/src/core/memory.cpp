#include "deeprmt/core/memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>

namespace deeprmt {

AddressSpace address_space() {
  AddressSpace space{std::numeric_limits<std::int64_t>::max(), nullptr};
  rlimit whole{}, data{};
  const bool whole_set = getrlimit(RLIMIT_AS, &whole) == 0 && whole.rlim_cur != RLIM_INFINITY;
  const bool data_set = getrlimit(RLIMIT_DATA, &data) == 0 && data.rlim_cur != RLIM_INFINITY;
  if (!whole_set && !data_set) return space;
  long long pages = 0, data_pages = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (!file) return space;  // no Linux: nobody says what is used
  const bool read = std::fscanf(file, "%lld %*s %*s %*s %*s %lld", &pages, &data_pages) == 2;
  std::fclose(file);
  if (!read) return space;
  const auto take = [&](const rlimit& most, long long used, const char* name) {
    const auto left = static_cast<std::int64_t>(most.rlim_cur) - used * sysconf(_SC_PAGESIZE);
    if (left < space.bytes) space = {std::max<std::int64_t>(left, 0), name};
  };
  if (whole_set) take(whole, pages, "RLIMIT_AS");
  if (data_set) take(data, data_pages, "RLIMIT_DATA");
  return space;
}

std::string shown_size(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g MiB", static_cast<double>(bytes) / (1 << 20));
  return text;
}

}  // namespace deeprmt
