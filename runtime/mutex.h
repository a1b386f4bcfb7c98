// The locks of this project: absl's, seen by ThreadSanitizer and by clang's -Wthread-safety.
//
// The system's Abseil is a shared library without instrumentation, so ThreadSanitizer misses the
// order an absl::Mutex imposes and reports races on the state it guards. These wrappers say it in
// its own vocabulary, and cost nothing in other builds. Use them for every lock; absl's conditions
// (Mutex::Await) cannot be told this way and are left out: wait in a loop, as below.
//
//   Mutex mu;
//   CondVar changed;
//   std::deque<Task> queue ABSL_GUARDED_BY(mu);
//
//   MutexLock lock(&mu);
//   while (queue.empty()) changed.Wait(&mu);
//
// All classes are thread-safe.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

#if defined(__SANITIZE_THREAD__)
#define GYRE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GYRE_TSAN 1
#endif
#endif
#ifdef GYRE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace gyre {
namespace internal {

// What ThreadSanitizer must hear around an acquisition and a release of the lock at `mutex`.
#ifdef GYRE_TSAN
inline void BeforeLock(void* mutex) { __tsan_mutex_pre_lock(mutex, 0); }
inline void AfterLock(void* mutex) { __tsan_mutex_post_lock(mutex, 0, 0); }
inline void BeforeTryLock(void* mutex) { __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock); }
inline void AfterTryLock(void* mutex, bool held) {
  const unsigned failed = held ? 0 : __tsan_mutex_try_lock_failed;
  __tsan_mutex_post_lock(mutex, __tsan_mutex_try_lock | failed, 0);
}
inline void BeforeUnlock(void* mutex) { __tsan_mutex_pre_unlock(mutex, 0); }
inline void AfterUnlock(void* mutex) { __tsan_mutex_post_unlock(mutex, 0); }
inline void Destroyed(void* mutex) { __tsan_mutex_destroy(mutex, 0); }
#else
inline void BeforeLock(void*) {}
inline void AfterLock(void*) {}
inline void BeforeTryLock(void*) {}
inline void AfterTryLock(void*, bool) {}
inline void BeforeUnlock(void*) {}
inline void AfterUnlock(void*) {}
inline void Destroyed(void*) {}
#endif

}  // namespace internal

class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  ~Mutex() { internal::Destroyed(this); }
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() {
    internal::BeforeLock(this);
    mutex_.Lock();
    internal::AfterLock(this);
  }

  bool TryLock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    internal::BeforeTryLock(this);
    const bool held = mutex_.TryLock();
    internal::AfterTryLock(this, held);
    return held;
  }

  void Unlock() ABSL_UNLOCK_FUNCTION() {
    internal::BeforeUnlock(this);
    mutex_.Unlock();
    internal::AfterUnlock(this);
  }

  // Tells the static analysis (and checks, in debug builds of Abseil) that the caller holds it.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() { mutex_.AssertHeld(); }

 private:
  friend class CondVar;
  absl::Mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

class CondVar {
 public:
  CondVar() = default;
  CondVar(const CondVar&) = delete;
  CondVar& operator=(const CondVar&) = delete;

  // Releases `mutex`, waits to be signalled (or for no reason at all), and takes it again.
  void Wait(Mutex* mutex) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Released(mutex);
    changed_.Wait(&mutex->mutex_);
    Retaken(mutex);
  }

  // The same, no longer than to `deadline`; true when the deadline passed.
  bool WaitWithDeadline(Mutex* mutex, absl::Time deadline) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Released(mutex);
    const bool expired = changed_.WaitWithDeadline(&mutex->mutex_, deadline);
    Retaken(mutex);
    return expired;
  }

  // The same, no longer than `timeout`; true when it ran out.
  bool WaitWithTimeout(Mutex* mutex, absl::Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    Released(mutex);
    const bool expired = changed_.WaitWithTimeout(&mutex->mutex_, timeout);
    Retaken(mutex);
    return expired;
  }

  void Signal() { changed_.Signal(); }
  void SignalAll() { changed_.SignalAll(); }

 private:
  // absl unlocks and locks inside its wait, where the sanitizer does not see.
  static void Released(Mutex* mutex) {
    internal::BeforeUnlock(mutex);
    internal::AfterUnlock(mutex);
  }
  static void Retaken(Mutex* mutex) {
    internal::BeforeLock(mutex);
    internal::AfterLock(mutex);
  }

  absl::CondVar changed_;
};

}  // namespace gyre
