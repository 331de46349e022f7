# Interface strings in Kazakh.
#
# Three rules that tests hold:
# 1. No suffix is glued to a placeholder; decline a noun behind it («{ $address } мекенжайына») or write "label: value".
# 2. A noun after a number stands in the singular, so no string here selects a plural.
# 3. The reader is «Сіз»; buttons are verbal nouns in -у.

## Languages: each calls itself by its own name, the same in every file
language-name-kk = Қазақша
language-name-ru = Русский
language-name-en = English
language-short-kk = Қаз
language-short-ru = Рус
language-short-en = Eng
language-tag-kk = қаз
language-tag-ru = рус
language-tag-en = eng

## Masthead and navigation
skip-to-content = Негізгі мазмұнға өту
home = Басты бет
languages = Тілдер
menu = Мәзір
search = Іздеу
subscribe = Жазылу
text-size = Мәтін көлемі
text-smaller = Мәтінді кішірейту
text-larger = Мәтінді үлкейту
sections = Бөлімдер
tags = Тақырыптар
feeds = RSS таспалары
archive = Мұрағат
today = Бүгін
yesterday = Кеше
breadcrumbs = Сіз осындасыз
pages = Беттер
previous-page = Алдыңғы бет
next-page = Келесі бет
page-number = Бет: { $n }
page-of = Бет: { $n }, барлығы: { $total }

## Front, section, tag, archive, search
latest-news = Соңғы жаңалықтар
other-news = Басқа жаңалықтар
other-stories = Тағы оқыңыз
main-story = Басты жаңалық
all-in-section = Бөлімдегі барлық жаңалық
all-news = Барлық жаңалық
tag-title = Тақырып: { $tag }
no-stories = Әзірге жаңалық жоқ.
no-stories-section = Бұл бөлімде әзірге жаңалық жоқ.
no-stories-tag = Бұл тақырыпта әзірге жаңалық жоқ.
no-stories-day = Бұл күні жаңалық жарияланған жоқ.
new-stories = { $n } жаңа материал
search-button = Іздеу
search-label = Не іздейміз?
search-results = Табылғаны: { $n } материал
search-empty = Ештеңе табылмады. Басқа сөзбен іздеп көріңіз.
search-examples = Мысалы:
search-filters = Сүзгілер
search-section = Бөлім
search-from = Мына күннен бастап
search-to = Мына күнге дейін
search-feed = Осы іздеу RSS таспасы ретінде
search-wider = Сүзгісіз іздеу
search-too-long = Сұрау тым ұзын: ең көбі 8 сөз жазыңыз.

## Article
published = Жарияланды: { $date }
updated = Жаңартылды: { $date }
views = { $n } рет қаралды
correction = Түзету
reference = Анықтама:
read-more = Толығырақ
read-in-another-language = Басқа тілде оқу
not-in-this-language = Бұл материалдың қазақша нұсқасы әзірге жоқ.
read-in-kk = Қазақ тілінде оқу
read-in-ru = Орыс тілінде оқу
read-in-en = Ағылшын тілінде оқу
read-in = Оқу тілі: { $language }
original-at = Түпнұсқасы: { $site }
photo-credit = Фото: { $name }
listen = Тыңдау
watch = Көру
attached-file = Тіркелген файл: { $name }
share = Бөлісу
copy-link = Сілтемені көшіру
copied = Көшірілді
print = Басып шығару
previous-story = Алдыңғы жаңалық
next-story = Келесі жаңалық
withdrawn-title = Материал алынып тасталды
withdrawn = Материал редакцияның шешімімен алынып тасталды.
withdrawn-reason = Себебі: { $reason }
to-section = Бөлімге өту: { $section }

## Subscribe
subscribe-title = Таратылымға жазылу
subscribe-to = «{ $newsletter }» таратылымына жазылу
subscribe-pitch = Таңдаған тіліңіздегі жаңалықтар поштаңызға келеді.
one-letter-a-day = Күніне бір хат. Жіберу уақыты: { $time }
leave-any-time = Жаңалық болмаса, хат та болмайды. Жазылымнан бір рет басып бас тартуға болады.
email-address = Электрондық пошта
email-example = aigerim@example.kz
address-wrong = Мекенжай дұрыс емес сияқты. Үлгі: aigerim@example.kz
address-suggestion = Мүмкін, { $address } шығар?
languages-in-order = Тілдер, басымдық ретімен
languages-help = Материал бірінші тілде болмаса, келесі тілдегі нұсқасын жібереміз.
first-language = Бірінші тіл
second-language = Екінші тіл
third-language = Үшінші тіл
no-more-languages = Басқа тіл қажет емес
languages-needed = Кемінде бір тілді таңдаңыз.
all-sections = Барлық бөлім
sections-help = Ештеңе белгілемесеңіз, барлық бөлімнің жаңалығын жібереміз.
tags-help = Тақырыптарды белгілесеңіз, тек сол тақырыптағы материалдарды жібереміз. Ештеңе белгіленбесе, тақырыпқа қарамаймыз.
days-needed = Кемінде бір күнді белгілеңіз.
cadence = Қаншалықты жиі
every-day = Күн сайын
weekdays = Жұмыс күндері
once-a-week = Аптасына бір рет
chosen-days = Таңдалған күндері
as-soon-as-published = Жарияланған бойда
day-of-week = Апта күні
weekday-1 = дүйсенбі
weekday-2 = сейсенбі
weekday-3 = сәрсенбі
weekday-4 = бейсенбі
weekday-5 = жұма
weekday-6 = сенбі
weekday-7 = жексенбі
delivery-time = Жіберу уақыты
time-zone = Уақыт белдеуі
time-zone-help = Хат сіздің жергілікті уақытыңызбен жіберіледі.
hour-wrong = Уақытты 08:00 үлгісімен жазыңыз.
time-zone-wrong = Мұндай уақыт белдеуі жоқ. Үлгі: Asia/Almaty
choice-wrong = Тізімнен таңдаңыз.
consent = Дербес деректерімді жинауға және өңдеуге келісемін
consent-operator = Дербес деректер операторы: { $operator }
consent-purpose = Деректер: электрондық пошта мекенжайы және таратылым баптаулары. Мақсаты: осы таратылымның хаттарын жіберу.
consent-term = Сақтау мерзімі: { $text }
consent-recipients = Деректер кімге беріледі: { $text }
consent-transfer = Трансшекаралық беру: { $text }
consent-location = Деректер қайда сақталады: { $text }
consent-withdraw = Келісімді кез келген уақытта қайтарып алуға болады: сілтемесі әр хатта бар.
consent-needed = Жазылу үшін келісіміңіз қажет: құсбелгіні қойыңыз.
consent-changed = Шарттар өзгерді. Оларды оқып, құсбелгіні қайта қойыңыз.
back-to = Сайтқа оралу: { $site }
form-has-errors = Кейбір жолдарды түзету керек.
more-choices = Қосымша баптаулар

## After the form
check-your-inbox-title = Поштаңызды тексеріңіз
check-your-inbox = Поштаңызды тексеріңіз: растау сілтемесін жібердік.
look-in-spam = Хат келмесе, «Спам» қалтасын қараңыз.
open-mailbox = Поштаны ашу: { $provider }

## Confirm
confirm-subject = Жазылымды растаңыз: { $site }
confirm-title = Жазылымды растау
confirm-button = Жазылымды растау
confirm-question = «{ $newsletter }» таратылымына жазылуды растайсыз ба?
confirm-lead = Бұл мекенжай «{ $newsletter }» таратылымына жазылу үшін көрсетілді. Растау үшін батырманы басыңыз.
confirm-link = Батырма ашылмаса, мына сілтемені пайдаланыңыз:
confirm-lead-text = Бұл мекенжай «{ $newsletter }» таратылымына жазылу үшін көрсетілді. Растау үшін мына сілтемені ашыңыз:
confirm-valid = Сілтеме { $n } күн бойы жарамды.
confirm-ignore = Егер жазылмаған болсаңыз, бұл хатқа мән бермеңіз: растамасаңыз, ештеңе жібермейміз.
confirmed-title = Жазылым расталды
confirmed = Жазылым расталды. Алғашқы хат: { $date }, { $time }
confirmed-soon = Жазылым расталды. Алғашқы хат жаңа материал шыққанда келеді.
latest-issue = Соңғы шығарылымды оқу
next-issue = Келесі шығарылым: { $date }, { $time }
next-soon = Келесі хат жаңа материал жарияланған бойда келеді.
already-confirmed-title = Жазылым бұрын расталған
already-confirmed = Жазылымыңыз бұрын расталған. Енді ештеңе істеудің қажеті жоқ.
already-subject = Сіз бұрыннан жазылғансыз: { $site }
already-lead = Бұл мекенжай «{ $newsletter }» таратылымына бұрыннан жазылған. Ештеңе істеудің қажеті жоқ.
already-button = Жазылым баптаулары
already-ignore = Егер қайта жазылуға тырыспаған болсаңыз, бұл хатқа мән бермеңіз: ештеңе өзгерген жоқ.
welcome-subject = Жазылым рәсімделді: { $site }
welcome-lead = «{ $newsletter }» таратылымына жазылымыңыз расталды.
welcome-next = Алғашқы хат: { $date }, { $time }
welcome-soon = Алғашқы хат жаңа материал жарияланған бойда келеді.
change-subject = Мекенжайды ауыстыру: { $site }
change-from-lead = «{ $newsletter }» таратылымына жазылымыңыз үшін басқа мекенжай көрсетілді. Оны көрсеткен сіз болсаңыз, мекенжайды ауыстыруды растаңыз.
change-from-button = Ауыстыруды растау
change-from-ignore = Егер мекенжайды ауыстырмаған болсаңыз, бұл хатқа мән бермеңіз: хаттар бұрынғыдай осында келе береді.
change-to-lead = Бұл мекенжай «{ $newsletter }» таратылымы үшін жаңа мекенжай ретінде көрсетілді. Хаттар осында келуі үшін батырманы басыңыз.
change-to-button = Хаттарды осы мекенжайға алу
change-to-ignore = Егер бұны сұрамаған болсаңыз, бұл хатқа мән бермеңіз: растамасаңыз, ештеңе жібермейміз.
goodbye-subject = Жазылым тоқтатылды: { $site }
goodbye-lead = Сіз «{ $newsletter }» таратылымынан бас тарттыңыз. Енді хат жібермейміз.
goodbye-ignore = Егер өзіңіз бас тартқан болсаңыз, ештеңе істеудің қажеті жоқ. Осы сілтеме арқылы бір тәулік ішінде қайта жазылуға болады.
link-subject = Деректеріңіз: { $site }
link-lead = Бұл сілтеме арқылы «{ $newsletter }» таратылымына жазылымыңыздың деректерін көруге, жүктеп алуға немесе жоюға болады.
link-button = Деректерімді ашу
link-ignore = Егер бұны сұрамаған болсаңыз, бұл хатқа мән бермеңіз.
test-subject = [Сынақ] { $subject }
test-lead = Бұл — сынақ хат. Оны оқып отырсаңыз, пошта осы мекенжайға жетіп тұр.
test-button = Сайтты ашу
test-ignore = Жауап берудің қажеті жоқ: ештеңе өзгерген жоқ, бұл хат басқа ешкімге жіберілген жоқ.

## Links that have aged
link-expired-title = Сілтеменің мерзімі өтіп кетті
link-expired = Сілтеменің мерзімі өтіп кетті.
send-new-link = Жаңа сілтеме жіберу
new-link-sent = Жаңа сілтеме жібердік. Поштаңызды тексеріңіз.
link-unknown-title = Сілтеме жарамсыз
link-unknown = Сілтеме жарамсыз. Оны хаттан толық көшіргеніңізді тексеріңіз.

## Unsubscribe
unsubscribe = Жазылымнан бас тарту
unsubscribe-title = Жазылымнан бас тарту
unsubscribe-question = { $address } мекенжайына хат жіберуді тоқтатайық па?
unsubscribe-newsletter = Таратылым: «{ $newsletter }»
unsubscribe-keep = Жазылымды қалдыру
unsubscribed-title = Жазылым тоқтатылды
unsubscribed = Жазылым тоқтатылды. Енді хат жібермейміз.
already-unsubscribed = Жазылым бұрын тоқтатылған. Хат жібермейміз.
subscribe-again = Қайта жазылу
resubscribed-title = Жазылым қалпына келтірілді
resubscribed = Жазылым қалпына келтірілді. Келесі хат: { $date }, { $time }
resubscribed-soon = Жазылым қалпына келтірілді.
forwarded = Хатты сізге біреу жолдады ма? Өзіңіз де жазыла аласыз.

## Settings of a subscription
settings = Жазылым баптаулары
settings-for = Мекенжай: { $address }
save = Сақтау
saved = Сақталды
saved-next = Сақталды. Келесі хат: { $date }, { $time }
pause = Уақытша тоқтату
resume-from = Қай күннен бастап қайта жіберейік?
paused-until = Хат жіберу тоқтатылды. Қайта басталатын күні: { $date }
resume-now = Хат жіберуді жалғастыру
date-wrong = Күнді таңдаңыз: ол бүгіннен кейін болуы керек.
text-only = Суретсіз, тек мәтін
change-title = Мекенжайды ауыстыру
new-address = Жаңа мекенжай
change-button = Мекенжайды ауыстыру
change-both = Ауыстыру екі пошта жәшігінен де расталғаннан кейін хаттар жаңа мекенжайға келеді.
change-sent = Екі мекенжайға да хат жібердік. Мекенжайды ауыстыруды екеуінде де растаңыз.
change-old = Бұрынғы мекенжай: { $address }
change-new = Жаңа мекенжай: { $address }
change-waits = Рақмет. Енді екінші пошта жәшігінен растау қажет.
change-done-title = Мекенжай ауыстырылды
change-done = Енді хаттар жаңа мекенжайға келеді. Баптауларға апаратын ескі сілтемелер жарамсыз, ал жазылымнан бас тарту сілтемелері әрқашан жұмыс істейді.
change-again = Мекенжайды ауыстыру үшін оны жазылым баптауларында қайта көрсетіңіз.
address-same = Хаттар бұл мекенжайға онсыз да келіп тұр.
my-data-help = Сіз туралы не сақтайтынымыз және неге келісім бергеніңіз. Деректерді жүктеп алуға немесе жоюға болады.
my-data-button = Деректеріме сілтеме жіберу
my-data-sent = Деректеріңізге сілтеме жібердік. Ол бір күн жарамды.
download-help = JSON файлы: жазылым, келісімдер және жіберілген хаттар.
agreements = Келісімдеріңіз
agreed-asked = Сұрау
agreed-confirmed = Жазылым расталды
agreed-added = Жазылымды редакция рәсімдеді
agreed-changed = Баптаулар өзгертілді
agreed-left = Жазылымнан бас тарту
agreed-returned = Жазылым қайтарылды
agreed-erased = Деректер жойылды
delete-help = Жазылым тоқтатылып, мекенжайыңыз бен сіз туралы барлық дерек біржола жойылады.
deleted-title = Деректер жойылды
my-data = Менің деректерім
download-my-data = Деректерімді жүктеп алу
delete-my-data = Деректерімді жою
delete-question = Жазылым тоқтатылып, мекенжайыңыз өшіріледі. Жалғастырайық па?
deleted = Деректеріңіз жойылды. Енді хат жібермейміз.
privacy-policy = Құпиялылық саясаты

## Mail
view-in-browser = Браузерде ашу
subject-with-more = { $title } және тағы { $n } жаңалық
briefly = Қысқаша
more-on-site = Сайтта тағы { $n } жаңалық
why-you-receive = Сіз бұл хатты «{ $newsletter }» таратылымына жазылғандықтан алып отырсыз.
forwarded-short = Хатты біреу жолдады ма?
no-tracking = Хаттың ашылғанын бақыламаймыз.
issue-of = «{ $newsletter }» таратылымының шығарылымы
issue-ends-here = Шығарылым осымен аяқталды.

## Feeds page
feeds-lead = Жаңалықты RSS оқу бағдарламасы арқылы қадағалаңыз: мекенжайды көшіріп, бағдарламаға қосыңыз.
feeds-all = Барлық жаңалық
feeds-all-languages = Барлық тілде
feeds-of-language = Тілі бойынша
feeds-of-section = Бөлімдер бойынша
feeds-of-tag = Тақырыптар бойынша
copy-address = Мекенжайды көшіру
feeds-opml = Барлық таспаның тізімі (OPML)
feed-latest = Соңғысы: { $title }
feed-format = Пішімі: { $format }
builder-title = Өз таспаңызды құрастыру
builder-help = Тілдерді, бөлімдер мен тақырыптарды белгілеп, бір мекенжай алыңыз. Ештеңе белгілемесеңіз, таспада барлық жаңалық болады.
builder-button = Мекенжайды алу
feed-preview = Таспадағы соңғы жаңалықтар
feed-empty = Бұл таспада әзірге жаңалық жоқ.
feed-about = Таспа туралы
feed-site = Сайттағы беті
feed-by-mail = Поштамен алу

## Errors
error = Қате
page-not-found = Бет табылмады
page-not-found-help = Сілтеме ескірген немесе қате терілген болуы мүмкін.
something-broke-title = Бізде ақау шықты
something-broke = Бізде ақау шықты. Кейінірек қайталап көріңіз.
under-repair-title = Жөндеу жүріп жатыр
under-repair = Жөндеу жүріп жатыр. Көп ұзамай қайта ашыламыз.
too-many-title = Сұраулар тым көп
too-many-requests = Сұраулар тым көп. { $n } минуттан кейін қайталап көріңіз.
foreign-form = Бұл форма біз танымайтын сайттан жіберілген, сондықтан қабылданбады. Жазылу үшін біздің бетті ашыңыз.
form-incomplete = Форма толық жетпеді. Қайтадан жіберіп көріңіз.
subscriptions-closed = Жазылу уақытша жабық.
back-home = Басты бетке өту

## Footer
imprint = Редакция туралы
contacts = Байланыс
owner = Меншік иесі: { $name }
editor-in-chief = Бас редактор: { $name }
registration = Тіркеу куәлігі: { $number }
operator-bin = БСН: { $bin }
operator-email = Пошта: { $email }
operator-phone = Телефон: { $phone }
inbox = Кіріс хаттар
powered-by = Jarshy жүйесімен жұмыс істейді
