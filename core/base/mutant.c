/* Which planted bug is on; see mutant.h. Part of the target hyperty_mutants only. */
#include "mutant.h"

static hy_mutant_t chosen;

bool hy_mutant_is(hy_mutant_t mutant) {
    return chosen == mutant;
}

void hy_mutant_choose(hy_mutant_t mutant) {
    chosen = mutant;
}
