// Function words of English: those that say how a sentence is built, not what it is about.
#include <algorithm>
#include <iterator>

#include "absl/strings/string_view.h"
#include "runtime/data/keyed.h"

namespace gyre {
namespace {

// Of three characters at least: the reader drops shorter words anyway.
constexpr absl::string_view kWords[] = {
    "about", "above", "across", "actually", "after", "afterwards", "again", "against", "ain't",
    "all", "almost", "alone", "along", "already", "also", "although", "always", "among", "amongst",
    "and", "another", "any", "anybody", "anyhow", "anyone", "anything", "anyway", "anywhere",
    "apart", "are", "aren't", "around", "aside", "away", "back", "became", "because", "become",
    "becomes", "becoming", "been", "before", "beforehand", "began", "behind", "being", "below",
    "beside", "besides", "between", "beyond", "both", "but", "came", "can", "can't", "cannot",
    "certain", "certainly", "clearly", "come", "comes", "coming", "could", "couldn", "couldn't",
    "despite", "did", "didn", "didn't", "does", "doesn", "doesn't", "doing", "don", "don't", "done",
    "down", "during", "each", "either", "else", "elsewhere", "enough", "especially", "etc", "even",
    "ever", "every", "everybody", "everyone", "everything", "everywhere", "except", "far", "few",
    "fewer", "first", "following", "for", "former", "formerly", "from", "further", "furthermore",
    "gave", "get", "gets", "getting", "give", "given", "gives", "giving", "goes", "going", "gone",
    "got", "gotten", "had", "hadn", "hadn't", "has", "hasn", "hasn't", "have", "haven", "haven't",
    "having", "he'd", "he'll", "he's", "hence", "her", "here", "here's", "hereafter", "hereby",
    "herein", "hers", "herself", "him", "himself", "his", "hither", "how", "how's", "however",
    "i'd", "i'll", "i'm", "i've", "inasmuch", "indeed", "inside", "instead", "into", "isn", "isn't",
    "it'd", "it'll", "it's", "its", "itself", "just", "keep", "keeps", "kept", "knew", "know",
    "known", "knows", "last", "later", "latter", "least", "less", "lest", "let", "let's", "like",
    "likely", "likewise", "made", "mainly", "make", "makes", "making", "many", "may", "maybe",
    "mean", "meanwhile", "merely", "might", "mightn't", "mine", "more", "moreover", "most",
    "mostly", "much", "must", "mustn't", "myself", "namely", "near", "nearly", "neither", "never",
    "nevertheless", "next", "nobody", "none", "nonetheless", "nor", "not", "nothing", "now",
    "nowhere", "off", "often", "once", "one", "one's", "ones", "only", "onto", "other", "other's",
    "others", "otherwise", "ought", "our", "ours", "ourselves", "out", "outside", "over", "own",
    "per", "perhaps", "possible", "possibly", "put", "quite", "rather", "really", "regarding",
    "regardless", "said", "same", "saw", "say", "saying", "says", "see", "seeing", "seem", "seemed",
    "seeming", "seems", "seen", "self", "selves", "several", "shall", "shan't", "she", "she'd",
    "she'll", "she's", "should", "shouldn", "shouldn't", "since", "some", "somebody", "somehow",
    "someone", "something", "sometimes", "somewhat", "somewhere", "soon", "still", "such", "sure",
    "take", "taken", "taking", "than", "that", "that'll", "that's", "that've", "the", "their",
    "theirs", "them", "themselves", "then", "thence", "there", "there'd", "there'll", "there's",
    "thereafter", "thereby", "therefore", "therein", "thereupon", "these", "they", "they'd",
    "they'll", "they're", "they've", "this", "those", "though", "through", "throughout", "thus",
    "till", "together", "too", "took", "toward", "towards", "under", "unless", "unlike", "until",
    "unto", "upon", "use", "used", "uses", "using", "usually", "various", "very", "via", "want",
    "wanted", "wants", "was", "wasn", "wasn't", "way", "we'd", "we'll", "we're", "we've", "well",
    "went", "were", "weren", "weren't", "what", "what'll", "what's", "whatever", "when", "when's",
    "whence", "whenever", "where", "where's", "whereafter", "whereas", "whereby", "wherein",
    "whereupon", "wherever", "whether", "which", "whichever", "while", "whither", "who", "who'd",
    "who'll", "who's", "whoever", "whole", "whom", "whose", "why", "why's", "will", "with",
    "within", "without", "won't", "would", "wouldn", "wouldn't", "yes", "yet", "you", "you'd",
    "you'll", "you're", "you've", "your", "yours", "yourself", "yourselves",
};
static_assert(std::is_sorted(std::begin(kWords), std::end(kWords)));

}  // namespace

const std::vector<std::string>& EnglishStopWords() {
  static const auto* const words =
      new std::vector<std::string>(std::begin(kWords), std::end(kWords));
  return *words;
}

}  // namespace gyre
