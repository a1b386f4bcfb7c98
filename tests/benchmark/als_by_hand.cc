// Alternating least squares as one writes it by hand with Eigen: the peer of `als`.
//
//   als_by_hand TRAIN TEST RANK LAMBDA ROUNDS THREADS
//
// Files of lines `user item rating`, both numbered from 0. Minimises the sum over ratings of
// (R - U V)^2 + lambda (|U_u|^2 + |V_i|^2). Prints the seconds of all rounds and the held-out
// error.
#include <Eigen/Dense>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Ratings {
  std::vector<int> user, item;
  std::vector<float> rating;
  int users = 0, items = 0;
};

Ratings Read(const char* path) {
  Ratings all;
  std::FILE* const file = std::fopen(path, "r");
  if (file == nullptr) std::perror(path), std::exit(2);
  int u = 0, i = 0;
  float r = 0;
  while (std::fscanf(file, "%d %d %f", &u, &i, &r) == 3) {
    all.user.push_back(u), all.item.push_back(i), all.rating.push_back(r);
    all.users = std::max(all.users, u + 1), all.items = std::max(all.items, i + 1);
  }
  std::fclose(file);
  return all;
}

// The ratings of each key in turn.
struct Lists {
  std::vector<int64_t> begin;
  std::vector<int> other;
  std::vector<float> rating;

  Lists(const std::vector<int>& key, const std::vector<int>& others,
        const std::vector<float>& ratings, int keys)
      : begin(static_cast<size_t>(keys) + 1), other(key.size()), rating(key.size()) {
    for (const int k : key) ++begin[static_cast<size_t>(k) + 1];
    for (size_t k = 1; k < begin.size(); ++k) begin[k] += begin[k - 1];
    std::vector<int64_t> next = begin;
    for (size_t r = 0; r < key.size(); ++r) {
      const auto at = static_cast<size_t>(next[static_cast<size_t>(key[r])]++);
      other[at] = others[r], rating[at] = ratings[r];
    }
  }
};

void Solve(const Lists& lists, const Rows& fixed, float lambda, int threads, Rows* moved) {
  std::atomic<int> next{0};
  const auto work = [&] {
    const Eigen::Index rank = fixed.cols();
    Eigen::MatrixXf gram(rank, rank);
    Eigen::VectorXf moment(rank);
    Rows panel(64, rank);
    Eigen::VectorXf target(64);
    constexpr int kKeys = 64;
    for (int from = next.fetch_add(kKeys); from < moved->rows(); from = next.fetch_add(kKeys)) {
      for (int k = from; k < std::min<int>(from + kKeys, static_cast<int>(moved->rows())); ++k) {
        gram.setZero(), moment.setZero();
        const int64_t begin = lists.begin[static_cast<size_t>(k)],
                      end = lists.begin[static_cast<size_t>(k) + 1];
        if (begin == end) continue;
        for (int64_t at = begin; at < end; at += 64) {
          const int64_t rows = std::min<int64_t>(64, end - at);
          for (int64_t r = 0; r < rows; ++r) {
            panel.row(r) = fixed.row(lists.other[static_cast<size_t>(at + r)]);
            target[r] = lists.rating[static_cast<size_t>(at + r)];
          }
          gram.selfadjointView<Eigen::Lower>().rankUpdate(panel.topRows(rows).transpose());
          moment.noalias() += panel.topRows(rows).transpose() * target.head(rows);
        }
        gram.diagonal().array() += lambda * static_cast<float>(end - begin);
        moved->row(k) = gram.selfadjointView<Eigen::Lower>().llt().solve(moment);
      }
    }
  };
  std::vector<std::thread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back(work);
  work();
  for (std::thread& t : others) t.join();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "als_by_hand TRAIN TEST RANK LAMBDA ROUNDS THREADS\n");
    return 2;
  }
  const Ratings train = Read(argv[1]), test = Read(argv[2]);
  const int rank = std::atoi(argv[3]), rounds = std::atoi(argv[5]), threads = std::atoi(argv[6]);
  const auto lambda = static_cast<float>(std::atof(argv[4]));
  const int users = std::max(train.users, test.users), items = std::max(train.items, test.items);
  const Lists by_user(train.user, train.item, train.rating, users),
      by_item(train.item, train.user, train.rating, items);
  std::mt19937 random(1);
  std::uniform_real_distribution<float> start(0, 0.2F);
  Rows U = Rows::NullaryExpr(users, rank, [&] { return start(random); });
  Rows V = Rows::NullaryExpr(items, rank, [&] { return start(random); });
  const auto begin = std::chrono::steady_clock::now();
  for (int n = 0; n < rounds; ++n) {
    Solve(by_user, V, lambda, threads, &U);
    Solve(by_item, U, lambda, threads, &V);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  double squares = 0;
  for (size_t r = 0; r < test.user.size(); ++r) {
    const double e =
        static_cast<double>(test.rating[r] - U.row(test.user[r]).dot(V.row(test.item[r])));
    squares += e * e;
  }
  std::printf("%.4f %.5f\n", seconds, std::sqrt(squares / static_cast<double>(test.user.size())));
}
