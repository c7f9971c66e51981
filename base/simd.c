#include "base/simd.h"
