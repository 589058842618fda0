// Batch norm's few numbers for each channel, in float64: a difference of two sums loses the digits that float32 has. One thread a
// channel; see twins/norm.py for the equations.

#define CHANNEL int c = blockIdx.x * blockDim.x + threadIdx.x; if (c >= C) return

// sums (2, C) of z and z^2 -> wide (3, C): mean, variance, 1 / deviation; narrow (4, C): scale, shift, mean, unbiased variance
extern "C" __global__ void norm_scales(const double* sums, double count, const float* weight, const float* bias, double epsilon,
                                       int C, double* wide, float* narrow) {
    CHANNEL;
    double mean = sums[c] / count, variance = sums[C + c] / count - mean * mean;
    variance = variance < 0 ? 0 : variance;  // a NaN stays
    double inverse = 1 / sqrt(variance + epsilon), scale = weight[c] * inverse;
    wide[c] = mean, wide[C + c] = variance, wide[2 * C + c] = inverse;
    narrow[c] = scale, narrow[C + c] = bias[c] - scale * mean;
    narrow[2 * C + c] = mean, narrow[3 * C + c] = variance * (count / (count > 1 ? count - 1 : 1));
}

// sums (2, C) of d and d z -> (5, C): the gradients of weight and bias, and p, q, r with dz = p d + q z + r
extern "C" __global__ void norm_factors(const double* sums, double count, const float* weight, const double* mean,
                                        const double* inverse, int C, float* out) {
    CHANNEL;
    double dweight = (sums[C + c] - sums[c] * mean[c]) * inverse[c], p = weight[c] * inverse[c];
    double q = -p * inverse[c] * dweight / count;
    out[c] = dweight, out[C + c] = sums[c];
    out[2 * C + c] = p, out[3 * C + c] = q, out[4 * C + c] = -p * sums[c] / count - q * mean[c];
}
