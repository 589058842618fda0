// Batch norm (+ skip) (+ ReLU), max pooling and what stands between convolutions, for feature maps (rows, C), rows = B H W; see
// the twins for the equations.
//
// Threads run along the channels, so that neighbours read neighbouring numbers and each keeps its channel's constants; along the
// other axis they walk over rows. Sums come as one partial sum for each chunk of rows (chunks, sums, C) in float32; the caller
// adds the chunks up in float64. Nothing waits for another thread and nothing is added atomically: the same bits every time.
//
// The source is compiled twice: maps hold float32, or with HALF bfloat16. All arithmetic is in float32.

#ifdef HALF
struct Map { unsigned short bits; };
__device__ inline float get(const Map* x, long long i) { return __uint_as_float((unsigned)x[i].bits << 16); }
__device__ inline void put(Map* x, long long i, float value) {  // to the nearest, ties to even; a NaN stays
    unsigned bits = __float_as_uint(value);
    x[i].bits = (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
}
#else
typedef float Map;
__device__ inline float get(const Map* x, long long i) { return x[i]; }
__device__ inline void put(Map* x, long long i, float value) { x[i] = value; }
#endif

#define CHANNEL int c = blockIdx.x * blockDim.x + threadIdx.x; if (c >= C) return
#define FOR_ROWS for (long long row = blockIdx.y * blockDim.y + threadIdx.y; row < rows; row += gridDim.y * blockDim.y)
#define FOR_CHUNK for (long long row = (long long)blockIdx.y * chunk; row < rows && row < (blockIdx.y + 1LL) * chunk; ++row)

__device__ inline float positive(float x) { return x < 0 ? 0 : x; }  // a NaN stays

extern "C" __global__ void channel_sums(const Map* x, long long rows, int C, int chunk, float* sums) {
    CHANNEL;
    float sum = 0, squares = 0;
    FOR_CHUNK {
        float value = get(x, row * C + c);
        sum += value;
        squares += value * value;
    }
    sums[(2LL * blockIdx.y + 0) * C + c] = sum;
    sums[(2LL * blockIdx.y + 1) * C + c] = squares;
}

extern "C" __global__ void norm_gradient(const Map* d, const Map* z, const float* p, const float* q, const float* r,
                                         long long rows, int C, Map* out) {
    CHANNEL;
    float pc = p[c], qc = q[c], rc = r[c];
    FOR_ROWS put(out, row * C + c, pc * get(d, row * C + c) + qc * get(z, row * C + c) + rc);
}

// relu(scale z + shift + skip); with `scaled`, the skip is skip_scale skip + skip_shift
extern "C" __global__ void add_relu(const Map* z, const float* scale, const float* shift, const Map* skip,
                                    const float* skip_scale, const float* skip_shift, int scaled,
                                    long long rows, int C, Map* out) {
    CHANNEL;
    float a = scale[c], b = shift[c], as = scaled ? skip_scale[c] : 1, bs = scaled ? skip_shift[c] : 0;
    FOR_ROWS {
        long long i = row * C + c;
        put(out, i, positive(a * get(z, i) + b + (as * get(skip, i) + bs)));
    }
}

// d = g where out > 0, and the sums of d, d z, d skip
extern "C" __global__ void add_relu_backward(const Map* g, const Map* out, const Map* z, const Map* skip, int has_skip,
                                             long long rows, int C, int chunk, Map* d, float* sums) {
    CHANNEL;
    float sum = 0, with_z = 0, with_skip = 0;
    FOR_CHUNK {
        long long i = row * C + c;
        float value = get(out, i) > 0 ? get(g, i) : 0;
        put(d, i, value);
        sum += value;
        with_z += value * get(z, i);
        if (has_skip) with_skip += value * get(skip, i);
    }
    sums[(3LL * blockIdx.y + 0) * C + c] = sum;
    sums[(3LL * blockIdx.y + 1) * C + c] = with_z;
    sums[(3LL * blockIdx.y + 2) * C + c] = with_skip;
}

// Largest value under a window of x, or of relu(scale x + shift); taps: which of the size^2 pixels it was, the first of equals
extern "C" __global__ void max_pool(const Map* x, const float* scale, const float* shift, int normed, int height, int width,
                                    int out_height, int out_width, int size, int stride, int padding,
                                    long long rows, int C, Map* out, unsigned char* taps) {
    CHANNEL;
    float a = normed ? scale[c] : 1, b = normed ? shift[c] : 0;
    FOR_ROWS {  // one row is one output pixel
        int pixel = (int)row, column = pixel % out_width, line = pixel / out_width % out_height;
        long long image = pixel / out_width / out_height;
        float best = 0;
        int tap = -1;
        for (int i = 0; i < size; ++i)
            for (int j = 0; j < size; ++j) {
                int y = line * stride - padding + i, u = column * stride - padding + j;
                if (y < 0 || y >= height || u < 0 || u >= width) continue;
                float value = get(x, ((image * height + y) * width + u) * C + c);
                if (normed) value = positive(a * value + b);
                if (tap < 0 || value > best || (value != value && best == best)) best = value, tap = i * size + j;
            }
        put(out, row * C + c, best);
        taps[row * C + c] = tap;
    }
}

// Every input pixel gathers from the windows that chose it; with `normed`, 0 where scale x + shift <= 0; sums of dx and dx x
extern "C" __global__ void max_pool_backward(const Map* g, const unsigned char* taps, const Map* x, const float* scale,
                                             const float* shift, int normed, int height, int width, int out_height,
                                             int out_width, int size, int stride, int padding,
                                             long long rows, int C, int chunk, Map* dx, float* sums) {
    CHANNEL;
    float a = normed ? scale[c] : 1, b = normed ? shift[c] : 0, sum = 0, with_x = 0;
    FOR_CHUNK {  // one row is one input pixel
        int pixel = (int)row, column = pixel % width, line = pixel / width % height;
        long long image = pixel / width / height;
        float total = 0, value = get(x, row * C + c);
        for (int i = 0; i < size; ++i)
            for (int j = 0; j < size; ++j) {
                int y = line + padding - i, u = column + padding - j;
                if (y < 0 || u < 0 || y % stride || u % stride || y / stride >= out_height || u / stride >= out_width) continue;
                long long k = ((image * out_height + y / stride) * out_width + u / stride) * C + c;
                if (taps[k] == i * size + j) total += get(g, k);
            }
        if (normed && !(a * value + b > 0)) total = 0;
        put(dx, row * C + c, total);
        sum += total;
        with_x += total * value;
    }
    sums[(2LL * blockIdx.y + 0) * C + c] = sum;
    sums[(2LL * blockIdx.y + 1) * C + c] = with_x;
}

// relu(scale x + shift): what the next convolution reads
extern "C" __global__ void activate(const Map* x, const float* scale, const float* shift, long long rows, int C, Map* out) {
    CHANNEL;
    float a = scale[c], b = shift[c];
    FOR_ROWS put(out, row * C + c, positive(a * get(x, row * C + c) + b));
}

// scale z + shift (+ skip), cut at 0 if `cut`: inference
extern "C" __global__ void affine(const Map* z, const float* scale, const float* shift, const Map* skip, int has_skip, int cut,
                                  long long rows, int C, Map* out) {
    CHANNEL;
    float a = scale[c], b = shift[c];
    FOR_ROWS {
        long long i = row * C + c;
        float value = a * get(z, i) + b;
        if (has_skip) value += get(skip, i);
        put(out, i, cut ? positive(value) : value);
    }
}

// Backward of `activate`: 0 where scale x + shift <= 0, the sums of dx and dx x, and then dx + onto
extern "C" __global__ void activate_backward(const Map* g, const Map* x, const float* scale, const float* shift, const Map* onto,
                                             int has_onto, long long rows, int C, int chunk, Map* dx, float* sums) {
    CHANNEL;
    float a = scale[c], b = shift[c], sum = 0, with_x = 0;
    FOR_CHUNK {
        long long i = row * C + c;
        float value = get(x, i), total = a * value + b > 0 ? get(g, i) : 0;
        sum += total;
        with_x += total * value;
        put(dx, i, has_onto ? total + get(onto, i) : total);
    }
    sums[(2LL * blockIdx.y + 0) * C + c] = sum;
    sums[(2LL * blockIdx.y + 1) * C + c] = with_x;
}

extern "C" __global__ void add_maps(const Map* a, const Map* b, long long rows, int C, Map* out) {
    CHANNEL;
    FOR_ROWS put(out, row * C + c, get(a, row * C + c) + get(b, row * C + c));
}

extern "C" __global__ void to_map(const float* x, long long rows, int C, Map* out) {
    CHANNEL;
    FOR_ROWS put(out, row * C + c, x[row * C + c]);
}

extern "C" __global__ void from_map(const Map* x, long long rows, int C, float* out) {
    CHANNEL;
    FOR_ROWS out[row * C + c] = get(x, row * C + c);
}

// Kernels for cuDNN: (rows, C) with the outputs last -> (C, rows) with the inputs last. A thread reads eight rows of its channel,
// each beside its neighbours' channels, and writes them side by side: whole sectors of memory both ways.
extern "C" __global__ void turn_filters(const float* x, long long rows, int C, Map* out) {
    CHANNEL;
    for (long long first = 8LL * (blockIdx.y * blockDim.y + threadIdx.y); first < rows; first += 8LL * gridDim.y * blockDim.y)
        for (long long row = first; row < first + 8 && row < rows; ++row) put(out, c * rows + row, x[row * C + c]);
}

// and their gradients back: (C, rows) -> (rows, C)
extern "C" __global__ void turn_back(const Map* x, long long rows, int C, float* out) {
    CHANNEL;
    for (long long first = 8LL * (blockIdx.y * blockDim.y + threadIdx.y); first < rows; first += 8LL * gridDim.y * blockDim.y)
        for (long long row = first; row < first + 8 && row < rows; ++row) out[row * C + c] = get(x, c * rows + row);
}
