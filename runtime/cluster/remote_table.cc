#include "runtime/cluster/remote_table.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "runtime/cluster/check.h"

namespace gyre {
namespace {

absl::Status Malformed(const wire::Header& header, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat("the frame ", wire::Header::Kind_Name(header.kind()), " from the owner ", what));
}

}  // namespace

RemoteTable::Slot::Slot(const StageEncoding& encoding, int workers)
    : sum(encoding.layout.summed), encoded(&encoding), left(workers) {
  for (int w = 0; w < workers; ++w) {
    part.push_back(std::make_unique<Contribution>(encoding.layout));
    parts.push_back(part.back().get());
  }
}

RemoteTable::RemoteTable(const Options& options, const ParamState* state, Env* env)
    : options_(options),
      state_(state),
      env_(env),
      pool_(options.shards > 1 ? state->published_bytes() : 0) {
  const int destinations = replicas() ? 1 + options.replicas : options.shards;
  for (int s = 0; s < destinations; ++s) {
    shard_.push_back(std::make_unique<Shard>(
        ShardRange(state->layout().size, replicas() ? 0 : s, options.shards),
        SizeOf(state->type())));
  }
  for (int c = 0; c < options.window; ++c) {
    for (const StageEncoding& encoding : *options.encoding) {
      slot_.push_back(std::make_shared<Slot>(encoding, options.workers));
    }
  }
  for (const StageEncoding& encoding : *options.encoding) {
    const bool rounds =
        std::any_of(encoding.field.begin(), encoding.field.end(),
                    [](const FieldEncoding& f) { return f.codec != Codec::kExact; });
    rest_.emplace_back(rounds ? encoding.layout.summed : 0);
  }
  for (int w = 0; w < options.workers; ++w) worker_.push_back(std::make_unique<Worker>());
}

size_t RemoteTable::SlotIndex(Clock clock, int slice) const {
  return static_cast<size_t>(clock % options_.window) * options_.encoding->size() +
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
    if (stale_) Gather();
    me.pinned = current_;
  }
  const Version& version = *me.pinned;
  if (me.seen != version.data()) state_->Point(version.data(), param);
  me.seen = version.data();
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

OuterTerms* const* RemoteTable::Terms(int worker, Clock clock, int slice) {
  return SlotOf(clock, slice).part[static_cast<size_t>(worker - options_.first_worker)]->Terms();
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

  const StageEncoding& encoding = (*options_.encoding)[static_cast<size_t>(slice)];
  const double* data = slot->sum.data();
  if (slot->parts.size() == 1 && slot->parts[0]->scale == 1) {
    data = slot->parts[0]->sum.data();
  } else {
    SumContributions(slot->parts.data(), options_.workers, 0, encoding.layout.summed,
                     slot->sum.data());
  }
  if (options_.merged) {
    contribute_(stage - 1, data);
    recorded_.store(stage, std::memory_order_seq_cst);
    env_->Wake();
    return;
  }
  AlignedArray<double>& rest = rest_[static_cast<size_t>(slice)];
  slot->encoded.Encode(data, slot->parts, rest.size() > 0 ? rest.data() : nullptr);
  {
    MutexLock lock(&mutex_);
    for (int s = 0; s < shards(); ++s) {
      const std::vector<WireSegment> segments =
          slot->encoded.For(encoding.Range(static_cast<int>(PartOf(s)), options_.shards));
      if (options_.meter != nullptr && !Here(s))
        for (const WireSegment& segment : segments) options_.meter->Queued(segment.bytes);
      ShardAt(s).outgoing.Add(stage - 1, slot, segments);
    }
  }
  PumpAll();
}

// The newest range of every shard as one version; of a single shard, without a copy.
void RemoteTable::Gather() {
  stale_ = false;
  if (replicas()) return;  // Publish has set it
  if (shard_.size() == 1) {
    current_ = shard_[0]->latest;
    return;
  }
  current_.reset();
  const std::shared_ptr<Version> whole = pool_.Take();
  const int64_t element = SizeOf(state_->type());
  for (size_t s = 0; s < shard_.size(); ++s) {
    const Version& part = *shard_[s]->latest;
    std::memcpy(whole->bytes.data() + shard_[s]->range.begin * element, part.bytes.data(),
                static_cast<size_t>(part.bytes.size()));
    whole->complete = s == 0 ? part.complete : std::min(whole->complete, part.complete);
    whole->own = s == 0 ? part.own : std::min(whole->own, part.own);
    if (s == 0) whole->included = part.included;
    for (size_t p = 0; p < whole->included.size() && p < part.included.size(); ++p) {
      whole->included[p] = std::min(whole->included[p], part.included[p]);
    }
  }
  current_ = whole;
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

void RemoteTable::SetPump(int shard, std::function<void()> pump) {
  MutexLock lock(&mutex_);
  ShardAt(shard).pump = std::move(pump);
}

void RemoteTable::SetOnModel(OnModel on_model) {
  MutexLock lock(&mutex_);
  on_model_ = std::move(on_model);
}

void RemoteTable::SetLendModel(LendModel lend_model) {
  MutexLock lock(&mutex_);
  lend_model_ = std::move(lend_model);
}

void RemoteTable::Pump(int shard) {
  std::function<void()> pump;
  {
    MutexLock lock(&mutex_);
    pump = ShardAt(shard).pump;
  }
  if (pump) pump();
}

void RemoteTable::PumpAll() {
  for (int s = 0; s < shards(); ++s) Pump(s);
}

wire::Header RemoteTable::NewHeader(int shard, wire::Header::Kind kind) const {
  wire::Header header;
  header.set_kind(kind);
  header.set_epoch(options_.epoch);
  header.set_process(options_.process);
  header.set_incarnation(options_.incarnation);
  header.set_part(PartOf(shard));
  return header;
}

void RemoteTable::Resume(int shard, const wire::Header& welcome) {
  Shard& me = ShardAt(shard);
  me.arriving.reset();
  MutexLock lock(&mutex_);
  me.outgoing.Rewind(welcome.sequence());
  Recorded(shard, welcome.own());
  if (shard > 0) return;  // sums go to the coordinator
  partial_.sent = 0;
  partial_.done = partial_.share == nullptr;
}

void RemoteTable::SendPartial(int64_t round, std::vector<double> share) {
  {
    MutexLock lock(&mutex_);
    partial_ = {round, std::make_shared<const std::vector<double>>(std::move(share)), 0, false};
  }
  Pump(0);
}

bool RemoteTable::NextFrame(int shard, grpc::ByteBuffer* frame) {
  MutexLock lock(&mutex_);
  const Stage last =
      options_.linear && options_.shards > 1 ? recorded_.load(std::memory_order_relaxed) : kNever;
  if (!ShardAt(shard).outgoing.Next(last, NewHeader(shard, wire::Header::PARCEL), frame) &&
      (shard > 0 || !NextPartial(frame))) {
    return false;
  }
  const auto bytes = static_cast<int64_t>(frame->Length());
  if (frame->Length() >= kPieceBytes) env_->Wake();  // much is under way: no stall
  if (Here(shard)) return true;
  sent_.fetch_add(bytes, std::memory_order_relaxed);
  if (replicas() && shard > 0) sent_to_peers_.fetch_add(bytes, std::memory_order_relaxed);
  return true;
}

bool RemoteTable::NextPartial(grpc::ByteBuffer* frame) {
  if (partial_.done) return false;
  wire::Header header = NewHeader(0, wire::Header::PARTIAL);
  header.set_round(partial_.round);
  const KeyRange whole{0, static_cast<int64_t>(partial_.share->size())};
  *frame = PieceOf(&header, partial_.share, partial_.share->data(), whole, partial_.sent);
  partial_.sent += header.size();
  partial_.done = header.last();
  return true;
}

// ---- Receiving.

absl::Status RemoteTable::Receive(int shard, const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  received_.fetch_add(static_cast<int64_t>(frame.payload_bytes()), std::memory_order_relaxed);
  if (header.epoch() != options_.epoch) return Malformed(header, "is of another run");
  if (header.part() != PartOf(shard)) {
    return Malformed(header, "is of another shard");
  }
  switch (header.kind()) {
    case wire::Header::UPDATE:
      return ReceiveUpdate(shard, frame);
    case wire::Header::RESEND: {
      {
        MutexLock lock(&mutex_);
        ShardAt(shard).outgoing.Rewind(header.sequence());
      }
      Pump(shard);
      return absl::OkStatus();
    }
    case wire::Header::SUM: {
      if (shard > 0) break;
      if (SumArrived()) return absl::OkStatus();  // sent again after a reconnect
      absl::Status status = ReceiveArray(frame, &sum_);
      if (!status.ok() || !header.last()) return status;
      sum_arrived_.store(true, std::memory_order_release);
      env_->Wake();
      return absl::OkStatus();
    }
    case wire::Header::MODEL:
      if (shard > 0) break;
      return ReceiveModel(frame);
    default:
      break;
  }
  return Malformed(header, "was not expected here");
}

absl::Status RemoteTable::ReceiveModel(const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  if (header.round() <= pause()) return absl::OkStatus();
  if (replicas()) {  // it is here, or will be
    {
      MutexLock lock(&mutex_);
      coming_ = {header.round(), header.stage()};
    }
    TakePause();
    return absl::OkStatus();
  }
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

// Begins the pause that was announced, if the state has come so far. All workers stand at the
// limit, so it goes no further.
void RemoteTable::TakePause() {
  Pause pause;
  OnModel on_model;
  LendModel lend_model;
  {
    MutexLock lock(&mutex_);
    if (coming_.round == 0 || complete() < coming_.stage) return;
    std::swap(pause, coming_);
    on_model = on_model_;
    lend_model = lend_model_;
  }
  lend_model([&](const double* model) { on_model(model, pause.stage / StagesPerClock()); });
  pause_.store(pause.round, std::memory_order_seq_cst);
  env_->Wake();
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

absl::Status RemoteTable::ReceiveUpdate(int shard, const ReceivedFrame& frame) {
  const wire::Header& header = frame.header();
  if (header.size() == 0 && !header.last()) {  // a note: no parameters
    Note(shard, header);
    return absl::OkStatus();
  }
  if (replicas()) return Malformed(header, "has parameters, which this process has itself");
  Shard& me = ShardAt(shard);
  const int64_t element = SizeOf(state_->type());
  if (header.offset() < me.range.begin || header.size() < 0 || header.offset() > me.range.end ||
      header.size() > me.range.end - header.offset() ||
      static_cast<int64_t>(frame.payload_bytes()) != header.size() * element ||
      header.last() != (header.offset() + header.size() == me.range.end)) {
    return Malformed(header, "does not fit the parameters");
  }
  if (header.offset() == me.range.begin) {
    me.arriving.reset();
    MutexLock lock(&mutex_);
    me.arriving = me.pool.Take();
  }
  if (me.arriving == nullptr) return Malformed(header, "starts in the middle");
  frame.CopyTo(me.arriving->bytes.data() + (header.offset() - me.range.begin) * element);
  if (header.last()) {
    Arrived(shard, header);
  } else {
    env_->Wake();  // more is under way: no stall
  }
  return absl::OkStatus();
}

void RemoteTable::Arrived(int shard, const wire::Header& header) {
  Shard& me = ShardAt(shard);
  me.arriving->complete = header.complete();
  me.arriving->own = header.own();
  me.arriving->included.assign(header.included().begin(), header.included().end());
  {
    MutexLock lock(&mutex_);
    me.latest = std::move(me.arriving);
    stale_ = true;
    Stage complete = header.complete();
    for (const auto& each : shard_) {
      complete = std::min(complete, each->latest == nullptr ? Stage{-1} : each->latest->complete);
    }
    complete_.store(complete, std::memory_order_seq_cst);
  }
  me.arriving.reset();
  Note(shard, header);
}

void RemoteTable::Publish(std::shared_ptr<const Snapshot> snapshot) {
  {
    MutexLock lock(&mutex_);
    if (snapshot->version <= published_) return;
    published_ = snapshot->version;
    auto version = std::make_shared<Version>();
    version->there = snapshot->bytes.data();
    version->complete = snapshot->complete;
    version->own = snapshot->own[options_.process];
    version->included = snapshot->included;
    version->elsewhere = std::move(snapshot);
    current_ = version;
    complete_.store(version->complete, std::memory_order_seq_cst);
    stale_ = false;
  }
  env_->Wake();
  TakePause();
}

void RemoteTable::Queue(int shard, Stage number, std::shared_ptr<const void> owner,
                        const std::vector<WireSegment>& segments) {
  {
    MutexLock lock(&mutex_);
    ShardAt(shard).outgoing.Add(number, std::move(owner), segments);
  }
  Pump(shard);
}

bool RemoteTable::AllDelivered() const {
  MutexLock lock(&mutex_);
  return std::all_of(shard_.begin(), shard_.end(),
                     [](const auto& each) { return each->outgoing.empty(); });
}

void RemoteTable::Delivered(int shard, Stage own) {
  {
    MutexLock lock(&mutex_);
    Recorded(shard, own);
  }
  env_->Wake();
}

void RemoteTable::Note(int shard, const wire::Header& header) {
  bool more = false;
  {
    MutexLock lock(&mutex_);
    more = Recorded(shard, header.own());
    ShardAt(shard).limit = std::max(ShardAt(shard).limit, header.limit());
    Clock limit = ShardAt(0).limit;  // the coordinator's
    if (!replicas())
      for (const auto& each : shard_) limit = std::min(limit, each->limit);
    if (limit > limit_.load(std::memory_order_relaxed)) {
      limit_.store(limit, std::memory_order_seq_cst);
    }
  }
  env_->Wake();
  if (more && options_.linear && options_.shards > 1) PumpAll();
}

// Whether all shards have more than before.
bool RemoteTable::Recorded(int shard, Stage own) {
  Shard& me = ShardAt(shard);
  if (own <= me.recorded) return false;
  me.recorded = own;
  const int64_t bytes = me.outgoing.Forget(own);
  if (options_.meter != nullptr && !Here(shard)) options_.meter->Delivered(bytes);
  if (options_.merged) return false;  // `own` counts messages
  for (const auto& each : shard_) own = std::min(own, each->recorded);
  if (own <= recorded_.load(std::memory_order_relaxed)) return false;
  recorded_.store(own, std::memory_order_seq_cst);
  return true;
}

}  // namespace gyre
