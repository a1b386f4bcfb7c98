#include "runtime/cluster/remote_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/cluster/check.h"

namespace gyre {
namespace {

constexpr int64_t kPieceDoubles = static_cast<int64_t>(kPieceBytes / sizeof(double));

absl::Status Malformed(const wire::Header& header, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the frame ", wire::Header::Kind_Name(header.kind()), " from the owner ", what));
}

// The piece at `sent` of an array of doubles.
grpc::ByteBuffer PieceOf(wire::Header* header, std::shared_ptr<const void> owner,
                         const double* data, int64_t size, int64_t sent) {
  const int64_t count = std::min(kPieceDoubles, size - sent);
  header->set_offset(sent);
  header->set_size(count);
  header->set_last(sent + count == size);
  if (count == 0) return EncodeFrame(*header);
  return EncodeFrame(
      *header, Alias(std::move(owner), data + sent, static_cast<size_t>(count) * sizeof(double)));
}

}  // namespace

RemoteTable::Slot::Slot(const Layout& layout, int workers) : sum(layout.size), left(workers) {
  for (int w = 0; w < workers; ++w) {
    part.push_back(std::make_unique<Contribution>(layout));
    parts.push_back(part.back().get());
  }
}

RemoteTable::RemoteTable(const Options& options, const ParamState* state, Env* env)
    : options_(options), state_(state), env_(env) {
  for (int c = 0; c < options.window; ++c) {
    for (const Layout& layout : options.layout) {
      slot_.push_back(std::make_shared<Slot>(layout, options.workers));
    }
  }
  for (int w = 0; w < options.workers; ++w) worker_.push_back(std::make_unique<Worker>());
}

size_t RemoteTable::SlotIndex(Clock clock, int slice) const {
  return static_cast<size_t>(clock % options_.window) * options_.layout.size() +
         static_cast<size_t>(slice);
}

// ---- For cursors.

bool RemoteTable::Ready(int worker, Stage need) {
  if (complete_.load(std::memory_order_seq_cst) < std::max<Stage>(need, 0)) return false;
  // An accumulator is free again once its last contribution is recorded. At a bounded lag `need`
  // says as much.
  const Stage stages = StagesPerClock();
  const Clock reusing = At(worker).stage / stages - options_.window;
  return reusing < 0 || recorded_.load(std::memory_order_seq_cst) > reusing * stages;
}

Stamp RemoteTable::Read(int worker, Clock clock, Stage /*need*/, const void** param) {
  Worker& me = At(worker);
  {
    MutexLock lock(&mutex_);
    me.pinned = current_;
  }
  const Version& version = *me.pinned;
  if (me.seen != &version) state_->Point(version.bytes.data(), param);
  me.seen = &version;
  const Stage stages = StagesPerClock();
  for (size_t p = 0; p < version.included.size(); ++p) {
    if (p == options_.process && version.included.size() > 1) continue;
    me.staleness.Record(clock - version.included[p] / stages);
  }
  return {version.complete / stages, version.own / stages};
}

double* const* RemoteTable::Write(int worker, Clock clock, int slice, double scale) {
  Contribution& c = *SlotOf(clock, slice).part[static_cast<size_t>(worker - options_.first_worker)];
  c.Clear();
  c.scale = scale;
  return c.target.data();
}

void RemoteTable::Release(int worker, Clock /*clock*/) {
  // Under the lock, so that whoever finds the version unused knows that its reads are over.
  MutexLock lock(&mutex_);
  At(worker).pinned.reset();
}

void RemoteTable::Done(int worker, Stage stage) {
  At(worker).stage = stage;
  const Stage stages = StagesPerClock();
  const int slice = static_cast<int>((stage - 1) % stages);
  const std::shared_ptr<Slot>& slot = slot_[SlotIndex((stage - 1) / stages, slice)];
  if (slot->left.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  slot->left.store(options_.workers, std::memory_order_relaxed);

  Outgoing out;
  out.stage = stage - 1;
  out.slot = slot;
  out.size = options_.layout[static_cast<size_t>(slice)].size;
  if (slot->parts.size() == 1 && slot->parts[0]->scale == 1) {
    out.data = slot->parts[0]->sum.data();
  } else {
    SumContributions(slot->parts.data(), options_.workers, 0, out.size, slot->sum.data());
    out.data = slot->sum.data();
  }
  out.pieces =
      static_cast<uint64_t>(std::max<int64_t>(1, (out.size + kPieceDoubles - 1) / kPieceDoubles));
  {
    MutexLock lock(&mutex_);
    out.first = next_new_;
    next_new_ += out.pieces;
    outgoing_.push_back(std::move(out));
  }
  Pump();
}

absl::Status RemoteTable::Apply(const Parcel& /*parcel*/) {
  return absl::FailedPreconditionError("a remote table takes frames, not parcels");
}
StalenessCounter RemoteTable::ObservedStaleness() const {
  StalenessCounter all;
  for (const auto& w : worker_) all.Merge(w->staleness);
  return all;
}

// ---- Sending.

void RemoteTable::SetPump(std::function<void()> pump) {
  MutexLock lock(&mutex_);
  pump_ = std::move(pump);
}

void RemoteTable::SetOnModel(OnModel on_model) {
  MutexLock lock(&mutex_);
  on_model_ = std::move(on_model);
}

void RemoteTable::Pump() {
  std::function<void()> pump;
  {
    MutexLock lock(&mutex_);
    pump = pump_;
  }
  if (pump) pump();
}

wire::Header RemoteTable::NewHeader(wire::Header::Kind kind) const {
  wire::Header header;
  header.set_kind(kind);
  header.set_epoch(options_.epoch);
  header.set_process(options_.process);
  header.set_incarnation(options_.incarnation);
  return header;
}

wire::Header RemoteTable::Hello() const { return NewHeader(wire::Header::HELLO); }

void RemoteTable::Resume(const wire::Header& welcome) {
  {
    MutexLock lock(&mutex_);
    next_sent_ = welcome.sequence();
    partial_.sent = 0;
    partial_.done = partial_.share == nullptr;
  }
  arriving_.reset();
  Recorded(welcome.own());
}

void RemoteTable::SendPartial(int64_t round, std::vector<double> share) {
  {
    MutexLock lock(&mutex_);
    partial_ = {round, std::make_shared<const std::vector<double>>(std::move(share)), 0, false};
  }
  Pump();
}

bool RemoteTable::NextFrame(grpc::ByteBuffer* frame) {
  MutexLock lock(&mutex_);
  if (!NextParcel(frame) && !NextPartial(frame)) return false;
  sent_.fetch_add(static_cast<int64_t>(frame->Length()), std::memory_order_relaxed);
  return true;
}

bool RemoteTable::NextParcel(grpc::ByteBuffer* frame) {
  if (next_sent_ >= next_new_) return false;
  for (const Outgoing& out : outgoing_) {
    if (next_sent_ >= out.first + out.pieces) continue;
    GYRE_CHECK(next_sent_ >= out.first, "a parcel that is wanted was let go");
    wire::Header header = NewHeader(wire::Header::PARCEL);
    header.set_stage(out.stage);
    header.set_sequence(next_sent_);
    header.set_stage_done(next_sent_ + 1 == out.first + out.pieces);
    const int64_t sent = static_cast<int64_t>(next_sent_ - out.first) * kPieceDoubles;
    *frame = PieceOf(&header, out.slot, out.data, out.size, sent);
    ++next_sent_;
    return true;
  }
  return false;
}

bool RemoteTable::NextPartial(grpc::ByteBuffer* frame) {
  if (partial_.done) return false;
  wire::Header header = NewHeader(wire::Header::PARTIAL);
  header.set_round(partial_.round);
  const auto size = static_cast<int64_t>(partial_.share->size());
  *frame = PieceOf(&header, partial_.share, partial_.share->data(), size, partial_.sent);
  partial_.sent += header.size();
  partial_.done = header.last();
  return true;
}

// ---- Receiving.

absl::Status RemoteTable::Receive(const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  received_.fetch_add(static_cast<int64_t>(frame.payload_bytes()), std::memory_order_relaxed);
  if (header.epoch() != options_.epoch) return Malformed(header, "is of another run");
  switch (header.kind()) {
    case wire::Header::UPDATE:
      return ReceiveUpdate(frame);
    case wire::Header::RESEND: {
      {
        MutexLock lock(&mutex_);
        next_sent_ = header.sequence();
      }
      Pump();
      return absl::OkStatus();
    }
    case wire::Header::SUM: {
      if (SumArrived()) return absl::OkStatus();  // sent again after a reconnect
      absl::Status status = ReceiveArray(frame, &sum_);
      if (!status.ok() || !header.last()) return status;
      sum_arrived_.store(true, std::memory_order_release);
      env_->Wake();
      return absl::OkStatus();
    }
    case wire::Header::MODEL: {
      if (header.round() <= pause()) return absl::OkStatus();
      absl::Status status = ReceiveArray(frame, &model_);
      if (!status.ok() || !header.last()) return status;
      OnModel on_model;
      {
        MutexLock lock(&mutex_);
        on_model = on_model_;
      }
      on_model(model_.data(), header.stage() / StagesPerClock());
      pause_.store(header.round(), std::memory_order_seq_cst);
      env_->Wake();
      return absl::OkStatus();
    }
    default:
      return Malformed(header, "was not expected here");
  }
}

absl::Status RemoteTable::ReceiveArray(const ReceivedFrame& frame, std::vector<double>* to) {
  const wire::Header& header = frame.header();
  const auto offset = static_cast<size_t>(header.offset());
  const size_t count = frame.payload_bytes() / sizeof(double);
  if (header.offset() < 0 || (offset > 0 && offset != to->size()) ||
      count * sizeof(double) != frame.payload_bytes()) {
    return Malformed(header, "is out of place");
  }
  to->resize(offset + count);
  frame.CopyTo(to->data() + offset);
  return absl::OkStatus();
}

absl::Status RemoteTable::ReceiveUpdate(const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  if (header.size() == 0 && !header.last()) {  // a note: no parameters
    Note(header);
    return absl::OkStatus();
  }
  const int64_t element = SizeOf(state_->type());
  const int64_t size = state_->layout().size;
  if (header.offset() < 0 || header.size() < 0 || header.offset() > size ||
      header.size() > size - header.offset() ||
      static_cast<int64_t>(frame.payload_bytes()) != header.size() * element ||
      header.last() != (header.offset() + header.size() == size)) {
    return Malformed(header, "does not fit the parameters");
  }
  if (header.offset() == 0) {
    arriving_.reset();
    MutexLock lock(&mutex_);
    for (const auto& version : pool_) {
      if (arriving_ == nullptr && version.use_count() == 1) arriving_ = version;  // nobody reads it
    }
    if (arriving_ == nullptr) {
      arriving_ = std::make_shared<Version>();
      arriving_->bytes = AlignedArray<char>(size * element);
      pool_.push_back(arriving_);
    }
  }
  if (arriving_ == nullptr) return Malformed(header, "starts in the middle");
  frame.CopyTo(arriving_->bytes.data() + header.offset() * element);
  if (header.last()) Publish(header);
  return absl::OkStatus();
}

void RemoteTable::Publish(const wire::Header& header) {
  arriving_->complete = header.complete();
  arriving_->own = header.own();
  arriving_->included.assign(header.included().begin(), header.included().end());
  {
    MutexLock lock(&mutex_);
    current_ = std::move(arriving_);
  }
  arriving_.reset();
  complete_.store(header.complete(), std::memory_order_seq_cst);
  Note(header);
}

void RemoteTable::Note(const wire::Header& header) {
  Recorded(header.own());
  if (header.limit() > limit_.load(std::memory_order_relaxed)) {
    limit_.store(header.limit(), std::memory_order_seq_cst);
  }
  env_->Wake();
}

void RemoteTable::Recorded(Stage own) {
  if (own <= recorded_.load(std::memory_order_relaxed)) return;
  {
    MutexLock lock(&mutex_);
    while (!outgoing_.empty() && outgoing_.front().stage < own) outgoing_.pop_front();
  }
  recorded_.store(own, std::memory_order_seq_cst);
}

}  // namespace gyre
