#include "base/queue.h"
