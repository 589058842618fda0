// CUDA C as C++, one thread at a time: enough for kernels that never wait for each other. Included before fused.cu.
#include <cmath>
struct place { unsigned x, y, z; };
static place threadIdx, blockIdx, blockDim, gridDim;
#define __global__
#define __device__ static
extern "C" void be_thread(const unsigned* n) {
    threadIdx = {n[0], n[1], 0}, blockIdx = {n[2], n[3], 0}, blockDim = {n[4], n[5], 1}, gridDim = {n[6], n[7], 1};
}
