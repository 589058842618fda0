// The optimiser on flat buffers, with every number that changes from step to step on the device: a CUDA graph repeats its launches
// with the arguments that they were captured with.
//
// numbers[]: what `prepare_step` works out once for all threads; see flat.py for the places.

enum { DONE, OK, BAD, FACTOR, SIZE, EPSILON, NORM };

#define FOR_ROWS for (long long row = blockIdx.y * blockDim.y + threadIdx.y; row < rows; row += gridDim.y * blockDim.y)

// In place, with the corrections of the first steps already in rate and epsilon
extern "C" __global__ void adam_step(float* p, const float* g, float* m, float* v, float rate, float beta1, float beta2,
                                     float epsilon, long long rows) {
    FOR_ROWS {
        float first = beta1 * m[row] + (1 - beta1) * g[row], second = beta2 * v[row] + (1 - beta2) * g[row] * g[row];
        m[row] = first;
        v[row] = second;
        p[row] -= rate * first / (sqrtf(second) + epsilon);
    }
}

// The same with numbers of the device; a step that is not OK leaves everything as it is
extern "C" __global__ void adam_flat(float* p, const float* g, float* m, float* v, const float* numbers, float beta1, float beta2,
                                     long long rows) {
    if (numbers[OK] == 0) return;
    float rate = numbers[SIZE], epsilon = numbers[EPSILON], factor = numbers[FACTOR];
    FOR_ROWS {
        float slope = factor * g[row];
        float first = beta1 * m[row] + (1 - beta1) * slope, second = beta2 * v[row] + (1 - beta2) * slope * slope;
        m[row] = first;
        v[row] = second;
        p[row] -= rate * first / (sqrtf(second) + epsilon);
    }
}

// One thread. The first step whose loss or gradient is not finite is noted, and nothing is changed from then on.
extern "C" __global__ void prepare_step(const float* loss, const float* squares, const float* rate, float limit, float beta1_log,
                                        float beta2_log, float epsilon, float* numbers) {
    float step = numbers[DONE] + 1, norm = sqrtf(squares[0]);
    bool fine = numbers[BAD] == 0 && loss[0] - loss[0] == 0 && norm - norm == 0;  // an infinity less itself is a NaN
    numbers[OK] = fine;
    if (!fine) {
        if (numbers[BAD] == 0) numbers[BAD] = step;
        return;
    }
    float root = sqrtf(-expm1f(step * beta2_log));  // 1 - beta2^step
    numbers[SIZE] = rate[0] * root / -expm1f(step * beta1_log);
    numbers[EPSILON] = epsilon * root;
    numbers[FACTOR] = limit > 0 && norm > limit ? limit / norm : 1;
    numbers[NORM] = norm;
    numbers[DONE] = step;
}

// Sixteen arrays, each to its place of one buffer; blockIdx.x says which. Nothing is written in a step that is not OK.
extern "C" __global__ void gather(
    const float* a0, const float* a1, const float* a2, const float* a3, const float* a4, const float* a5, const float* a6,
    const float* a7, const float* a8, const float* a9, const float* a10, const float* a11, const float* a12, const float* a13,
    const float* a14, const float* a15,
    long long p0, long long p1, long long p2, long long p3, long long p4, long long p5, long long p6, long long p7,
    long long p8, long long p9, long long p10, long long p11, long long p12, long long p13, long long p14, long long p15,
    long long n0, long long n1, long long n2, long long n3, long long n4, long long n5, long long n6, long long n7,
    long long n8, long long n9, long long n10, long long n11, long long n12, long long n13, long long n14, long long n15,
    const float* numbers, int gated, float* out) {
    if (gated && numbers[OK] == 0) return;
    const float* from = a0;
    long long place = p0, rows = n0;
#define CASE(i) if (blockIdx.x == i) from = a##i, place = p##i, rows = n##i;
    CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14) CASE(15)
    FOR_ROWS out[place + row] = from[row];
}

extern "C" __global__ void square_sums(const float* x, long long rows, float* sums) {
    float sum = 0;
    FOR_ROWS sum += x[row] * x[row];
    sums[blockIdx.y * blockDim.y + threadIdx.y] = sum;
}

// (1 - share) old + share new
extern "C" __global__ void move_towards(const float* old, const float* next, float share, long long rows, float* out) {
    FOR_ROWS out[row] = (1 - share) * old[row] + share * next[row];
}
