#include "runtime/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/plan.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "runtime/archive.h"

namespace gyre {
namespace {

using absl::InvalidArgumentError;
using absl::StrCat;

struct Header {
  char magic[8] = {'G', 'Y', 'R', 'E', 'C', 'K', 'P', 'T'};
  uint32_t version = 1;
  uint32_t reserved = 0;
  uint64_t bytes = 0;     // that follow
  uint64_t checksum = 0;  // of them
};

struct Close {
  void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, Close>;

// Against damage, not against malice: multiply and rotate over words of eight bytes, four apart so
// that it keeps up with memory.
uint64_t HashOf(const void* data, size_t size, uint64_t seed) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  const auto mix = [](uint64_t h, uint64_t word) {
    h = (h ^ word) * kOdd;
    return h ^ (h >> 29);
  };
  uint64_t lane[4] = {seed, seed + 1, seed + 2, seed + 3}, word[4];
  const char* at = static_cast<const char*>(data);
  size_t left = size;
  for (; left >= sizeof word; left -= sizeof word, at += sizeof word) {
    std::memcpy(word, at, sizeof word);
    for (int i = 0; i < 4; ++i) lane[i] = mix(lane[i], word[i]);
  }
  std::memset(word, 0, sizeof word);
  if (left > 0) std::memcpy(word, at, left);
  uint64_t h = mix(seed, size);
  for (int i = 0; i < 4; ++i) h = mix(mix(h, lane[i]), word[i]);
  return h;
}

// Rows of a dense block lie `stride` apart; what is between them is nobody's.
uint64_t HashOf(const Block& b, uint64_t h) {
  const int64_t shape[] = {static_cast<int64_t>(b.format), static_cast<int64_t>(b.type), b.rows,
                           b.cols};
  h = HashOf(shape, sizeof shape, h);
  if (b.values == nullptr) return h;
  const size_t element = static_cast<size_t>(SizeOf(b.type));
  if (b.format == Format::kDense && (b.stride == b.cols || b.rows == 1))
    return HashOf(b.values, static_cast<size_t>(b.rows * b.cols) * element, h);
  if (b.format == Format::kDense) {
    for (int64_t r = 0; r < b.rows; ++r)
      h = HashOf(static_cast<const char*>(b.values) + static_cast<size_t>(r * b.stride) * element,
                 static_cast<size_t>(b.cols) * element, h);
    return h;
  }
  const int64_t lines = b.format == Format::kCsc ? b.cols : b.rows;
  const size_t first = static_cast<size_t>(b.offset[0]),
               entries = static_cast<size_t>(b.offset[lines]) - first;
  h = HashOf(b.offset, static_cast<size_t>(lines + 1) * sizeof(*b.offset), h);
  h = HashOf(b.index + first, entries * sizeof(*b.index), h);
  return HashOf(static_cast<const char*>(b.values) + first * element, entries * element, h);
}

uint64_t DataFingerprint(const Job& job) {
  uint64_t h = 1;
  std::set<const Block*> seen;
  for (const WorkerData& w : job.worker) {
    if (!seen.insert(w.data).second) continue;
    for (int s = 0; s < job.program->graph.symbol.size; ++s) h = HashOf(w.data[s], h);
  }
  return h;
}

void Visit(Archive& a, Checkpoint& c) {
  a(c.name), a(c.program), a(c.plan), a(c.data), a(c.hyper);
  a(c.clock), a(c.model), a(c.fold), a(c.monitor);
}

absl::Status Failed(const char* what, const std::string& path) {
  return InvalidArgumentError(StrCat("cannot ", what, " ", path, ": ", std::strerror(errno)));
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    if (errno == ENOENT) return absl::NotFoundError(StrCat(path, ": is not there"));
    return Failed("read", path);
  }
  std::string bytes;
  char buffer[1 << 16];
  size_t got;
  while ((got = std::fread(buffer, 1, sizeof buffer, file.get())) > 0) bytes.append(buffer, got);
  if (std::ferror(file.get())) return Failed("read", path);
  return bytes;
}

}  // namespace

uint64_t ExecutionFingerprint(const Plan& plan) {
  Plan executed;
  executed.mutable_cluster()->set_workers(plan.cluster().workers());
  *executed.mutable_partition() = plan.partition();
  *executed.mutable_channel() = plan.channel();
  *executed.mutable_evaluation() = plan.evaluation();
  executed.mutable_stop()->set_tolerance(plan.stop().tolerance());
  executed.mutable_stop()->set_boundary(plan.stop().boundary());
  executed.set_seed(plan.seed());
  for (const Table& table : plan.table()) {
    Table* t = executed.add_table();
    *t = table;
    t->clear_answer();
    t->clear_bytes();
  }
  for (const Task& task : plan.task()) {
    Task* t = executed.add_task();
    *t = task;
    t->clear_estimate();
    t->clear_words();
  }
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    executed.SerializeToCodedStream(&coded);
  }
  return HashOf(bytes.data(), bytes.size(), 0);
}

Checkpoint CheckpointOf(const Job& job) {
  Checkpoint c;
  c.name = job.plan->name();
  c.program = job.program->fingerprint;
  c.plan = ExecutionFingerprint(*job.plan);
  c.data = DataFingerprint(job);
  c.hyper = job.hyper;
  return c;
}

absl::Status WriteCheckpoint(const std::string& path, const Checkpoint& checkpoint) {
  std::string bytes;
  Archive archive(&bytes);
  Visit(archive, const_cast<Checkpoint&>(checkpoint));  // saving only reads
  Header header;
  header.bytes = bytes.size();
  header.checksum = HashOf(bytes.data(), bytes.size(), header.version);
  const std::string beside = StrCat(path, ".tmp-", getpid());
  File file(std::fopen(beside.c_str(), "wb"));
  if (file == nullptr) return Failed("write", path);
  const bool written = std::fwrite(&header, sizeof header, 1, file.get()) == 1 &&
                       std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size() &&
                       std::fflush(file.get()) == 0 && fsync(fileno(file.get())) == 0;
  absl::Status status = written ? absl::OkStatus() : Failed("write", path);
  file.reset();
  if (status.ok() && std::rename(beside.c_str(), path.c_str()) != 0) status = Failed("write", path);
  if (!status.ok()) std::remove(beside.c_str());
  return status;
}

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path) {
  absl::StatusOr<std::string> file = ReadAll(path);
  if (!file.ok()) return file.status();
  Header header;
  const Header like;
  if (file->size() < sizeof header || std::memcmp(file->data(), like.magic, sizeof like.magic) != 0)
    return InvalidArgumentError(StrCat(path, ": is no checkpoint"));
  std::memcpy(&header, file->data(), sizeof header);
  if (header.version != like.version)
    return InvalidArgumentError(StrCat(path, ": is a checkpoint of format ", header.version,
                                       "; this program reads format ", like.version));
  const absl::string_view bytes = absl::string_view(*file).substr(sizeof header);
  if (bytes.size() != header.bytes)
    return InvalidArgumentError(StrCat(path, ": is cut short or grown: ", bytes.size(),
                                       " bytes where ", header.bytes, " were written"));
  Checkpoint checkpoint;
  Archive archive(bytes);
  if (HashOf(bytes.data(), bytes.size(), header.version) == header.checksum)
    Visit(archive, checkpoint);
  if (!archive.complete())
    return InvalidArgumentError(StrCat(path,
                                       ": was changed since it was written (its checksum is "
                                       "another); start anew without --resume"));
  return checkpoint;
}

absl::Status CheckCheckpoint(const std::string& path, const Checkpoint& found,
                             const Checkpoint& mine, const Program& program) {
  if (found.program != mine.program)
    return InvalidArgumentError(
        absl::StrFormat("%s: is a checkpoint of another program (%s, %016x; this is %s, %016x)",
                        path, found.name, found.program, mine.name, mine.program));
  for (size_t s = 0; s < mine.hyper.size() && s < found.hyper.size(); ++s)
    if (found.hyper[s] != mine.hyper[s])
      return InvalidArgumentError(
          StrCat(path, ": was trained with ",
                 std::string(program.graph.symbol[static_cast<int>(s)].name), "=", found.hyper[s],
                 ", this run has ", mine.hyper[s], "; a checkpoint goes on only as it began"));
  if (found.data != mine.data)
    return InvalidArgumentError(
        StrCat(path,
               ": was trained on other data (other numbers, another shape, or another --dtype "
               "or --standardize); give the same data"));
  if (found.plan != mine.plan)
    return InvalidArgumentError(StrCat(path,
                                       ": was made under another plan; give the same flags, or "
                                       "that plan by --plan"));
  return absl::OkStatus();
}

}  // namespace gyre
