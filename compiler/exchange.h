// What processes send each other in a clock, and what it costs: bytes on the links, and the work of
// whoever adds up what arrived.
//
// The two go together: factors are few bytes, and have to be multiplied out by every owner.
#pragma once
#include <string>

#include "compiler/candidate.h"

namespace gyre {

// One process's contribution to one total in one clock.
struct Sent {
  double bytes = 0;
  double fold_ms = 0;   // of one owner, for those of all processes
  double saved_ms = 0;  // of the process, which need not add up
};
// `rows`: of the clock, of all processes. REQUIRES: `payload` is possible (see CanTravel).
Sent SentAs(const Problem& problem, const Strategy& strategy, const Pass& pass, size_t position,
            Write::Payload payload, double rows);

// Whether contributions to the total have the structure that `payload` is made of.
bool CanTravel(const Pass& pass, size_t position, Write::Payload payload);

// Sets how each total travels under the strategy's payload: in that form where it takes less time than
// the sums, or wherever it can where the user asks for it; and the codec.
void ChoosePayloads(const Problem& problem, Strategy* strategy);

// Why the strategy's fold needs sums as they are; "" where rounding with error feedback does.
std::string NeedsExactSums(const Strategy& strategy);

// The payload of total `total` under the strategy.
Write::Payload PayloadOf(const Strategy& strategy, int total);

// The bytes of what one process has moved of parameter `symbol` in a clock, where every process
// has rows of all keys that its rows can name; 0: the statement does not move it.
double BytesOfMoves(const Problem& problem, const Strategy& strategy, int symbol);

// All that a process sends and is sent in a clock of `leaf`, and the time it takes.
struct Exchange {
  double up = 0, down = 0;  // bytes of one process, to one owner and from it
  double network_ms = 0, fold_ms = 0, saved_ms = 0;
  double sent = 0, messages = 0;  // by one process, to all
};
Exchange ExchangeOf(const Problem& problem, const Strategy& strategy, size_t leaf, double rows);

}  // namespace gyre
