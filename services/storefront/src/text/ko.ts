// What the interface says, in Korean. Words that a suggestion asks for stay English: the model
// reads English.

import type { Text } from "./en";
import { entry } from "./names";

const values: Record<string, string> = {
  hoodie: "후드티",
  coat: "코트",
  jeans: "청바지",
  shirt: "셔츠",
  "t-shirt": "티셔츠",
  dress: "원피스",
  skirt: "치마",
  shorts: "반바지",
  sneakers: "운동화",
  hat: "모자",
  black: "검은색",
  white: "흰색",
  gray: "회색",
  red: "빨간색",
  orange: "주황색",
  yellow: "노란색",
  green: "초록색",
  blue: "파란색",
  navy: "남색",
  purple: "보라색",
  pink: "분홍색",
  brown: "갈색",
  plain: "무지",
  striped: "줄무늬",
  checked: "체크무늬",
  dotted: "물방울무늬",
  floral: "꽃무늬",
  none: "없음",
  short: "짧음",
  knee: "무릎길이",
  long: "김",
  logo: "로고",
  star: "별",
  heart: "하트",
  lightning: "번개",
  moon: "달",
  cat: "고양이",
};

const sleeves: Record<string, string> = {
  none: "소매 없이",
  short: "짧은 소매로",
  long: "긴 소매로",
};

const lengths: Record<string, string> = {
  short: "짧은 기장으로",
  knee: "무릎길이로",
  long: "긴 기장으로",
};

export const ko: Text = {
  language: "한국어",
  nativeLocale: "ko",

  skip: "상품으로 건너뛰기",
  chooseLanguage: "언어",
  theme: "어두운 테마",
  home: (shop) => `${shop}, 전체 상품 보기`,
  title: (what, shop) => (what ? `${what} · ${shop}` : shop),

  search: "검색",
  searchForm: "사진과 말로 검색",
  modelReads: "검색어는 영어로 써 주세요. 검색 모델은 영어를 읽습니다.",
  placeholder: {
    first: "무엇을 찾으세요?",
    change: "무엇이 달랐으면 하나요?",
    more: "또 무엇이 달랐으면 하나요?",
    moreWords: "또 어떤 점이 있었으면 하나요?",
  },
  reference: "기준 상품",
  yourPicture: "내 사진",
  pictureFromWeb: "웹에서 가져온 사진",
  removeReference: "이 사진 없이 계속하기",
  wishes: "지금까지의 요청",
  removeWish: (wish) => `“${wish}” 빼기`,
  suggestions: "추천",
  choosePicture: "사진 고르기",
  takePhoto: "사진 찍기",
  pictureHint: "또는 어디에나 끌어다 놓거나 붙여 넣으세요",
  pictureAddress: "사진 주소",
  useAddress: "사용하기",
  dropHere: "사진을 놓으면 그 사진으로 검색합니다",
  readingPicture: "사진을 읽는 중…",

  trail: "지나온 길",
  step: (number) => `${number}단계: `,
  branch: (number) => `${number}단계에서`,
  startOver: "처음부터",
  asItIs: "그대로",

  filters: "필터",
  openFilters: (count) => (count ? `필터 (${count})` : "필터"),
  close: "닫기",
  showProducts: "상품 보기",
  clearFilters: "필터 모두 지우기",
  removeFilter: (what) => `${what} 필터 지우기`,
  from: "최저",
  to: "최고",
  lowest: (field) => `최저 ${field}`,
  highest: (field) => `최고 ${field}`,
  atLeast: (amount) => `${amount} 이상`,
  atMost: (amount) => `${amount} 이하`,
  between: (least, most) => `${least} ~ ${most}`,
  showAll: (count) => `${count}개 모두 보기`,
  showFewer: "줄이기",

  results: "상품",
  browsing: "전체 상품",
  found: "가장 잘 맞는 순서",
  loading: "상품을 불러오는 중…",
  announce: (count, more) => `상품 ${count}개${more ? ", 아래에 더 있습니다" : ""}.`,
  showMore: "더 보기",
  end: "여기까지입니다.",
  likeThis: "이것과 비슷하지만…",
  likeThisNamed: (title) => `이것과 비슷하지만… (${title})`,

  nothing: "맞는 상품이 없습니다.",
  emptyCatalog: "등록된 상품이 없습니다.",
  loosen: "조건을 줄여 보세요:",
  loosenFilter: (what) => `${what} 빼고`,
  loosenWish: (wish) => `“${wish}” 빼고`,
  degraded: "지금 서비스 일부를 쓸 수 없어, 더 잘 맞는 상품이 빠졌을 수 있습니다.",
  tryAgain: "다시 시도",
  moreFailed: "다음 상품을 불러오지 못했습니다.",
  pictureRefused: "이 사진은 쓸 수 없습니다.",
  dismiss: "닫기",
  searchFailed: "검색하지 못했습니다.",
  pageUnknown: "없는 페이지입니다.",
  toCatalog: "전체 상품으로",
  requestAgainIn: (seconds) => `${seconds}초 뒤에 다시 시도해 주세요.`,

  reasons: {
    UNREACHABLE: "상점에 연결할 수 없습니다. 연결을 확인하고 다시 시도해 주세요.",
    UNREADABLE: "상점의 응답을 읽을 수 없습니다.",
    CREDENTIALS_MISSING: "이 페이지에는 상점의 키가 없습니다.",
    CREDENTIALS_INVALID: "이 페이지의 상점 키가 올바르지 않습니다.",
    SCOPE_MISSING: "이 페이지의 키로는 할 수 없는 일입니다.",
    CATALOG_FORBIDDEN: "이 페이지의 키로는 이 카탈로그를 볼 수 없습니다.",
    RATE_LIMITED: "상점에 요청이 너무 잦습니다. 잠시 뒤에 다시 시도해 주세요.",
    QUOTA_EXHAUSTED: "지금 허용된 횟수를 모두 썼습니다. 나중에 다시 시도해 주세요.",
    OVERLOADED: "상점이 매우 붐빕니다. 잠시 뒤에 다시 시도해 주세요.",
    DEPENDENCY_EXHAUSTED: "상점이 매우 붐빕니다. 잠시 뒤에 다시 시도해 주세요.",
    SHUTTING_DOWN: "상점이 다시 시작하는 중입니다. 잠시 뒤에 다시 시도해 주세요.",
    DEPENDENCY_UNAVAILABLE: "상점의 일부를 쓸 수 없습니다. 잠시 뒤에 다시 시도해 주세요.",
    MODEL_MISMATCH: "상점의 일부를 쓸 수 없습니다. 잠시 뒤에 다시 시도해 주세요.",
    DEPENDENCY_TIMEOUT: "응답이 너무 오래 걸렸습니다. 잠시 뒤에 다시 시도해 주세요.",
    DEADLINE_EXCEEDED: "응답이 너무 오래 걸렸습니다. 잠시 뒤에 다시 시도해 주세요.",
    DEPENDENCY_BROKEN: "상점의 일부가 작동하지 않습니다. 잠시 뒤에 다시 시도해 주세요.",
    INTERNAL: "상점에 문제가 생겼습니다. 잠시 뒤에 다시 시도해 주세요.",
    TEXT_TOO_LONG: "1,000자를 넘었습니다. 더 짧게 써 주세요.",
    TEXT_INVALID: "글에 쓸 수 없는 문자가 있습니다. 다시 써 주세요.",
    PRODUCT_NOT_FOUND: "이 상품은 더 이상 없습니다.",
    PRODUCT_ID_INVALID: "이 상품은 더 이상 없습니다.",
    FILTER_FIELD_UNKNOWN: "이 상점에 없는 필터입니다. 필터를 지워 주세요.",
    FILTER_VALUE_INVALID: "이 상점에 없는 필터입니다. 필터를 지워 주세요.",
    FILTER_RANGE_INVALID: "최저 가격이 최고 가격보다 높습니다.",
    FILTER_TOO_LARGE: "필터가 너무 많습니다.",
    PAGE_TOKEN_EXPIRED: "그사이 상품이 새로워졌습니다. 다시 검색해 주세요.",
    PAGE_TOKEN_INVALID: "그사이 상품이 새로워졌습니다. 다시 검색해 주세요.",
    PICTURE_MISSING: "주소가 잘려 사진이 빠졌습니다.",
    PICTURE_UNREADABLE: "브라우저가 이 사진을 읽지 못합니다. JPEG나 PNG로 저장해 주세요.",
    IMAGE_EMPTY: "빈 파일입니다.",
    IMAGE_NOT_AN_IMAGE: "사진 파일이 아닙니다.",
    IMAGE_CORRUPT: "사진이 손상되었습니다.",
    IMAGE_TRUNCATED: "사진이 잘렸습니다. 파일의 일부가 없습니다.",
    IMAGE_TOO_SMALL: "사진이 너무 작습니다. 가로와 세로가 16픽셀 이상이어야 합니다.",
    IMAGE_ASPECT_RATIO: "사진이 너무 길쭉합니다.",
    IMAGE_TOO_MANY_PIXELS: "사진이 너무 큽니다. 2,500만 화소까지 됩니다.",
    IMAGE_TOO_MANY_BYTES: "사진이 너무 큽니다. 10MB까지 됩니다.",
    REQUEST_TOO_LARGE: "사진이 너무 큽니다. 10MB까지 됩니다.",
    IMAGE_METADATA_TOO_LARGE: "사진에 딸린 정보가 너무 많습니다. 새로 저장해 주세요.",
    IMAGE_FORMAT_UNSUPPORTED: "JPEG, PNG, WebP 사진만 됩니다.",
    IMAGE_ENCODING_INVALID: "주소가 잘려 사진이 온전하지 않습니다.",
    IMAGE_URI_DISABLED: "이 상점은 사진 주소를 받지 않습니다. 사진을 고르거나 붙여 넣어 주세요.",
    IMAGE_URI_INVALID: "사진 주소가 아닙니다. 사진에서 주소를 복사해 주세요.",
    IMAGE_URI_REFUSED: "이 상점은 그곳의 사진을 가져올 수 없습니다. 사진을 저장해 골라 주세요.",
    IMAGE_HOST_UNREACHABLE: "이 주소의 사이트에 연결할 수 없습니다. 주소를 확인해 주세요.",
    IMAGE_HOST_TIMEOUT: "이 주소의 사이트가 너무 느립니다. 사진을 저장해 골라 주세요.",
    IMAGE_HOST_REFUSED: "이 주소의 사이트가 사진을 내주지 않습니다. 사진을 저장해 골라 주세요.",
  },
  unknownReason: "상점이 처리하지 못했습니다.",

  moreLikeThis: "비슷한 상품",
  details: "상세 정보",
  changeThis: "비슷하지만 다르게?",
  yes: "있음",
  no: "없음",

  fields: {
    category: "종류",
    color: "색상",
    brand: "브랜드",
    price: "가격",
    pattern: "무늬",
    pattern_color: "무늬 색상",
    sleeve: "소매",
    length: "기장",
    print: "프린트",
    hood: "후드",
    pocket: "주머니",
    buttons: "단추",
  },
  values,
  suggestion: (field, value, words) => {
    const named = entry(values, value);
    switch (field) {
      case "color":
        return named ? `${named}으로` : words;
      case "sleeve":
        return entry(sleeves, value) ?? words;
      case "length":
        return entry(lengths, value) ?? words;
      case "pattern":
        return named ? `${named}로` : words;
      case "category":
        return named ? `${named} 종류로` : words;
      default:
        return words;
    }
  },
};
