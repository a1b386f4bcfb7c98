#include "runtime/cluster/encoding.h"

#include <algorithm>
#include <cstring>

namespace gyre {
namespace {

bool AnyOf(const double* x, int64_t n) {
  return std::any_of(x, x + n, [](double each) { return each != 0; });
}

}  // namespace

std::vector<StageEncoding::Numbers> StageEncoding::NumbersIn(const KeyRange& range) const {
  std::vector<size_t> order;
  for (size_t i = 0; i < layout.field.size(); ++i)
    if (!layout.field[i].terms()) order.push_back(i);
  std::sort(order.begin(), order.end(),
            [this](size_t a, size_t b) { return layout.field[a].offset < layout.field[b].offset; });
  std::vector<Numbers> all;
  for (size_t k = 0; k < order.size(); ++k) {
    const Field& f = layout.field[order[k]];
    const FieldEncoding& e = field[order[k]];
    // Padding travels with what is not cut up, so that exact fields are one run of memory.
    const int64_t next = k + 1 < order.size() ? layout.field[order[k + 1]].offset : layout.summed;
    const bool plain = e.codec == Codec::kExact && e.row == 0;
    Numbers numbers{
        {std::max(range.begin, f.offset), std::min(range.end, plain ? next : f.offset + f.size)},
        e.codec,
        e.row};
    if (numbers.range.size() <= 0) continue;
    if (plain && !all.empty() && all.back().codec == Codec::kExact && all.back().row == 0 &&
        all.back().range.end == numbers.range.begin) {
      all.back().range.end = numbers.range.end;
    } else {
      all.push_back(numbers);
    }
  }
  return all;
}

// ---- Encoding.

EncodedContribution::EncodedContribution(const StageEncoding* encoding) : encoding_(encoding) {
  for (const StageEncoding::Numbers& n : encoding->NumbersIn({0, encoding->layout.summed})) {
    coded_.emplace_back();
    coded_.back().numbers = n;
    if (n.codec != Codec::kExact || n.row > 0)
      coded_.back().bytes = AlignedArray<char>(n.range.size() * BytesOf(n.codec));
  }
}

void EncodedContribution::Encode(const double* sum, const std::vector<const Contribution*>& parts,
                                 double* rest) {
  sum_ = sum;
  for (Coded& c : coded_) {
    const int64_t begin = c.numbers.range.begin;
    double* const left = rest == nullptr ? nullptr : rest + begin;
    if (c.numbers.row > 0) {
      EncodeRows(sum + begin, left, &c);
    } else if (c.numbers.codec != Codec::kExact) {
      Quantize(c.numbers.codec, sum + begin, c.numbers.range.size(), left, c.bytes.data());
    }
  }
  terms_.clear();
  for (size_t f = 0; f < encoding_->layout.field.size(); ++f) {
    if (!encoding_->layout.field[f].terms()) continue;
    for (size_t w = 0; w < parts.size(); ++w) {
      OuterTerms* const terms = parts[w]->terms[f];
      if (parts[w]->scale != 1) terms->Scale(parts[w]->scale);
      const bool last = w + 1 == parts.size();
      terms_.push_back({{terms->terms(), terms->sparse() ? terms->entries() : -1, last, 0}, terms});
    }
  }
}

void EncodedContribution::EncodeRows(const double* sum, double* rest, Coded* to) {
  const int64_t row = to->numbers.row, rows = to->numbers.range.size() / row;
  to->row.Clear();
  to->rows = 0;
  char* out = to->bytes.data();
  for (int64_t r = 0; r < rows; ++r) {
    if (!AnyOf(sum + r * row, row)) continue;
    *to->row.Grow(1) = static_cast<int32_t>(r);
    Quantize(to->numbers.codec, sum + r * row, row, rest == nullptr ? nullptr : rest + r * row,
             out);
    out += row * BytesOf(to->numbers.codec);
    ++to->rows;
  }
}

std::vector<WireSegment> EncodedContribution::For(const KeyRange& range) const {
  std::vector<WireSegment> segments;
  const auto add = [&segments](const void* data, int64_t bytes) {
    if (bytes > 0) segments.push_back({static_cast<const char*>(data), bytes});
  };
  for (const Coded& c : coded_) {
    const int64_t width = BytesOf(c.numbers.codec);
    const int64_t begin = std::max(range.begin, c.numbers.range.begin);
    const int64_t end = std::min(range.end, c.numbers.range.end);
    if (begin >= end) continue;
    if (c.numbers.row > 0) {
      add(&c.rows, sizeof(c.rows));
      add(c.row.data(), c.rows * static_cast<int64_t>(sizeof(int32_t)));
      add(c.bytes.data(), c.rows * c.numbers.row * width);
    } else if (c.numbers.codec == Codec::kExact) {
      add(sum_ + begin, (end - begin) * width);
    } else {
      add(c.bytes.data() + (begin - c.numbers.range.begin) * width, (end - begin) * width);
    }
  }
  for (const TermsOf& t : terms_) {
    add(t.header, sizeof(t.header));
    add(t.terms->u(), t.terms->u_bytes());
    if (t.terms->sparse()) {
      add(t.terms->length(), t.terms->terms() * static_cast<int64_t>(sizeof(int32_t)));
      add(t.terms->index(), t.terms->entries() * static_cast<int64_t>(sizeof(int32_t)));
    }
    add(t.terms->v(), t.terms->v_bytes());
  }
  return segments;
}

// ---- Decoding.

ContributionDecoder::ContributionDecoder(const StageEncoding* encoding, const KeyRange& range)
    : encoding_(encoding), numbers_(encoding->NumbersIn(range)) {}

void ContributionDecoder::Begin(Contribution* to) {
  to_ = to;
  taken_ = 0;
  // What is not written over: of a process that was restarted within a stage.
  for (const auto& terms : to->kept)
    if (terms != nullptr) terms->Clear();
  for (const StageEncoding::Numbers& n : numbers_)
    if (n.row > 0) std::fill_n(to->sum.data() + n.range.begin, n.range.size(), 0.0);
  number_ = 0;
  NextNumbers();
}

void ContributionDecoder::Enter(State state, void* to, int64_t bytes) {
  state_ = state;
  at_ = static_cast<char*>(to);
  left_ = bytes;
}

// What comes after number_ - 1 of the numbers.
void ContributionDecoder::NextNumbers() {
  if (number_ == numbers_.size()) return NextTerms(0);
  const StageEncoding::Numbers& n = numbers_[number_];
  staged_.Clear();
  if (n.row > 0) return Enter(State::kRowCount, header_, sizeof(header_[0]));
  if (n.codec == Codec::kExact) {
    return Enter(State::kNumbers, to_->sum.data() + n.range.begin,
                 n.range.size() * static_cast<int64_t>(sizeof(double)));
  }
  const int64_t bytes = n.range.size() * BytesOf(n.codec);
  Enter(State::kNumbers, staged_.Grow(bytes), bytes);
}

// The terms of the first field, from `from` on, that has them.
void ContributionDecoder::NextTerms(size_t from) {
  const std::vector<Field>& field = encoding_->layout.field;
  for (field_ = from; field_ < field.size(); ++field_)
    if (field[field_].terms()) return Enter(State::kTermsHeader, header_, sizeof(header_));
  Enter(State::kComplete, nullptr, 0);
}

void ContributionDecoder::FinishNumbers() {
  const StageEncoding::Numbers& n = numbers_[number_];
  if (n.codec != Codec::kExact)
    Dequantize(n.codec, staged_.data(), n.range.size(), to_->sum.data() + n.range.begin);
}

void ContributionDecoder::ScatterRows() {
  const StageEncoding::Numbers& n = numbers_[number_];
  const char* from = staged_.data();
  for (int64_t i = 0; i < row_.size(); ++i, from += n.row * BytesOf(n.codec))
    Dequantize(n.codec, from, n.row, to_->sum.data() + n.range.begin + row_.data()[i] * n.row);
}

// The segment at hand is whole.
absl::Status ContributionDecoder::Leave() {
  const auto next_numbers = [this] {
    ++number_;
    NextNumbers();
  };
  constexpr auto kPosition = static_cast<int64_t>(sizeof(int32_t));
  switch (state_) {
    case State::kNumbers:
      FinishNumbers();
      next_numbers();
      break;
    case State::kRowCount: {
      const StageEncoding::Numbers& n = numbers_[number_];
      if (header_[0] < 0 || header_[0] > n.range.size() / n.row)
        return absl::InvalidArgumentError("has more rows than its table");
      row_.Clear();
      int32_t* const positions = row_.Grow(header_[0]);
      Enter(State::kRowPositions, positions, header_[0] * kPosition);
      break;
    }
    case State::kRowPositions: {
      const StageEncoding::Numbers& n = numbers_[number_];
      for (int64_t i = 0; i < row_.size(); ++i)
        if (row_.data()[i] < 0 || row_.data()[i] >= n.range.size() / n.row)
          return absl::InvalidArgumentError("names a row that its table does not have");
      const int64_t bytes = row_.size() * n.row * BytesOf(n.codec);
      Enter(State::kRows, staged_.Grow(bytes), bytes);
      break;
    }
    case State::kRows:
      ScatterRows();
      next_numbers();
      break;
    case State::kTermsHeader: {
      const OuterTerms::Shape& shape = encoding_->layout.field[field_].outer;
      const int64_t terms = header_[0], entries = header_[1];
      if (terms < 0 || terms > encoding_->most_terms || entries < -1 || entries > terms * shape.k)
        return absl::InvalidArgumentError("has more terms than there are rows of data");
      room_ = to_->terms[field_]->Grow(terms, entries);
      Enter(State::kU, room_.u, terms * shape.m * SizeOf(shape.type));
      break;
    }
    case State::kU:
      Enter(State::kLengths, room_.length, header_[1] < 0 ? 0 : header_[0] * kPosition);
      break;
    case State::kLengths:
      Enter(State::kPositions, room_.index, header_[1] < 0 ? 0 : header_[1] * kPosition);
      break;
    case State::kPositions: {
      const OuterTerms::Shape& shape = encoding_->layout.field[field_].outer;
      Enter(State::kV, room_.v,
            (header_[1] < 0 ? header_[0] * shape.k : header_[1]) * SizeOf(shape.type));
      break;
    }
    case State::kV:
      if (!to_->terms[field_]->Valid())
        return absl::InvalidArgumentError("has terms that do not fit their matrix");
      NextTerms(header_[2] != 0 ? field_ + 1 : field_);
      break;
    case State::kComplete:
      break;
  }
  return absl::OkStatus();
}

absl::Status ContributionDecoder::Take(const ReceivedFrame& frame) {
  const auto bytes = static_cast<int64_t>(frame.payload_bytes());
  if (bytes > left_) return absl::InvalidArgumentError("does not fit its table");
  frame.CopyTo(at_);
  at_ += bytes;
  left_ -= bytes;
  taken_ += bytes;
  while (left_ == 0 && state_ != State::kComplete)
    if (absl::Status status = Leave(); !status.ok()) return status;
  return absl::OkStatus();
}

}  // namespace gyre
