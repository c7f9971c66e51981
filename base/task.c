#include "base/task.h"
