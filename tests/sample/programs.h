// Programs that draw a latent.
#pragma once
#include "dsl/program.h"

namespace gyre {

Program Lda();        // documents and words
Program Contexts();   // three keys: the weight has a factor by document, by author and by word
Program Priors();     // LDA whose prior is data, a number for each document and topic
Program Supervised();  // LDA whose documents are worth more where what their topics are worth adds up to 2
Program Images();     // no keys: sizes, and a product over the columns of a matrix; its topics are
                      // then counted by a pass
Program Given();      // documents key no count: what their topics are is data
Program Estimated();  // LDA whose prior of documents is a parameter, by Minka's fixed point
Program Noisy();      // LDA, and beside it draws for every document: x normal, y uniform, one draw less itself
Program Averaged();   // LDA, and the mixtures of its documents averaged over the sweeps after the fourth
Program Labels();     // no keys: topics by their sizes, and what a row is worth to each (data)

}  // namespace gyre
