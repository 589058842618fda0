// CUDA C as C++, one thread at a time: enough for kernels that never wait for each other. Included before a .cu file.
#include <cmath>
#include <cstring>
struct place { unsigned x, y, z; };
static place threadIdx, blockIdx, blockDim, gridDim;
#define __global__
#define __device__ static
static inline unsigned __float_as_uint(float x) { unsigned bits; std::memcpy(&bits, &x, 4); return bits; }
static inline float __uint_as_float(unsigned bits) { float x; std::memcpy(&x, &bits, 4); return x; }
extern "C" void be_thread(const unsigned* n) {
    threadIdx = {n[0], n[1], 0}, blockIdx = {n[2], n[3], 0}, blockDim = {n[4], n[5], 1}, gridDim = {n[6], n[7], 1};
}
