// Batch norm (+ skip) (+ ReLU), max pooling and Adam for feature maps (rows, C), rows = B H W; see the twins for the equations.
//
// Threads run along the channels, so that neighbours read neighbouring numbers and each keeps its channel's constants; along the
// other axis they walk over rows. Sums come as one partial sum for each chunk of rows (chunks, sums, C) in float32; the caller
// adds the chunks up in float64. Nothing waits for another thread and nothing is added atomically: the same bits every time.

#define CHANNEL int c = blockIdx.x * blockDim.x + threadIdx.x; if (c >= C) return
#define FOR_ROWS for (long long row = blockIdx.y * blockDim.y + threadIdx.y; row < rows; row += gridDim.y * blockDim.y)
#define FOR_CHUNK for (long long row = (long long)blockIdx.y * chunk; row < rows && row < (blockIdx.y + 1LL) * chunk; ++row)

__device__ inline float positive(float x) { return x < 0 ? 0 : x; }  // a NaN stays

extern "C" __global__ void channel_sums(const float* x, long long rows, int C, int chunk, float* sums) {
    CHANNEL;
    float sum = 0, squares = 0;
    FOR_CHUNK {
        float value = x[row * C + c];
        sum += value;
        squares += value * value;
    }
    sums[(2LL * blockIdx.y + 0) * C + c] = sum;
    sums[(2LL * blockIdx.y + 1) * C + c] = squares;
}

extern "C" __global__ void norm_gradient(const float* d, const float* z, const float* p, const float* q, const float* r,
                                         long long rows, int C, float* out) {
    CHANNEL;
    float pc = p[c], qc = q[c], rc = r[c];
    FOR_ROWS out[row * C + c] = pc * d[row * C + c] + qc * z[row * C + c] + rc;
}

// relu(scale z + shift + skip); with `scaled`, the skip is skip_scale skip + skip_shift
extern "C" __global__ void add_relu(const float* z, const float* scale, const float* shift, const float* skip,
                                    const float* skip_scale, const float* skip_shift, int scaled,
                                    long long rows, int C, float* out) {
    CHANNEL;
    float a = scale[c], b = shift[c], as = scaled ? skip_scale[c] : 1, bs = scaled ? skip_shift[c] : 0;
    FOR_ROWS {
        long long i = row * C + c;
        out[i] = positive(a * z[i] + b + (as * skip[i] + bs));
    }
}

// d = g where out > 0, and the sums of d, d z, d skip
extern "C" __global__ void add_relu_backward(const float* g, const float* out, const float* z, const float* skip, int has_skip,
                                             long long rows, int C, int chunk, float* d, float* sums) {
    CHANNEL;
    float sum = 0, with_z = 0, with_skip = 0;
    FOR_CHUNK {
        long long i = row * C + c;
        float value = out[i] > 0 ? g[i] : 0;
        d[i] = value;
        sum += value;
        with_z += value * z[i];
        if (has_skip) with_skip += value * skip[i];
    }
    sums[(3LL * blockIdx.y + 0) * C + c] = sum;
    sums[(3LL * blockIdx.y + 1) * C + c] = with_z;
    sums[(3LL * blockIdx.y + 2) * C + c] = with_skip;
}

// Largest value under a window of x, or of relu(scale x + shift); taps: which of the size^2 pixels it was, the first of equals
extern "C" __global__ void max_pool(const float* x, const float* scale, const float* shift, int normed, int height, int width,
                                    int out_height, int out_width, int size, int stride, int padding,
                                    long long rows, int C, float* out, unsigned char* taps) {
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
                float value = x[((image * height + y) * width + u) * C + c];
                if (normed) value = positive(a * value + b);
                if (tap < 0 || value > best || (value != value && best == best)) best = value, tap = i * size + j;
            }
        out[row * C + c] = best;
        taps[row * C + c] = tap;
    }
}

// Every input pixel gathers from the windows that chose it; with `normed`, 0 where scale x + shift <= 0; sums of dx and dx x
extern "C" __global__ void max_pool_backward(const float* g, const unsigned char* taps, const float* x, const float* scale,
                                             const float* shift, int normed, int height, int width, int out_height,
                                             int out_width, int size, int stride, int padding,
                                             long long rows, int C, int chunk, float* dx, float* sums) {
    CHANNEL;
    float a = normed ? scale[c] : 1, b = normed ? shift[c] : 0, sum = 0, with_x = 0;
    FOR_CHUNK {  // one row is one input pixel
        int pixel = (int)row, column = pixel % width, line = pixel / width % height;
        long long image = pixel / width / height;
        float total = 0, value = x[row * C + c];
        for (int i = 0; i < size; ++i)
            for (int j = 0; j < size; ++j) {
                int y = line + padding - i, u = column + padding - j;
                if (y < 0 || u < 0 || y % stride || u % stride || y / stride >= out_height || u / stride >= out_width) continue;
                long long k = ((image * out_height + y / stride) * out_width + u / stride) * C + c;
                if (taps[k] == i * size + j) total += g[k];
            }
        if (normed && !(a * value + b > 0)) total = 0;
        dx[row * C + c] = total;
        sum += total;
        with_x += total * value;
    }
    sums[(2LL * blockIdx.y + 0) * C + c] = sum;
    sums[(2LL * blockIdx.y + 1) * C + c] = with_x;
}

extern "C" __global__ void adam_step(float* p, const float* g, float* m, float* v, float rate, float beta1, float beta2,
                                     float epsilon, long long rows) {
    FOR_ROWS {
        float first = beta1 * m[row] + (1 - beta1) * g[row], second = beta2 * v[row] + (1 - beta2) * g[row] * g[row];
        m[row] = first;
        v[row] = second;
        p[row] -= rate * first / (sqrtf(second) + epsilon);
    }
}
