# Interface strings in Russian. Numbers select one, few or many; quotes are «…», inside them „…“.

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
skip-to-content = К содержанию
home = Главная
languages = Языки
menu = Меню
search = Поиск
subscribe = Подписаться
text-size = Размер текста
text-smaller = Уменьшить текст
text-larger = Увеличить текст
sections = Рубрики
tags = Темы
feeds = RSS-ленты
archive = Архив
today = Сегодня
yesterday = Вчера
breadcrumbs = Вы здесь
pages = Страницы
previous-page = Предыдущая страница
next-page = Следующая страница
page-number = Страница { $n }
page-of = Страница { $n } из { $total }

## Front, section, tag, archive, search
latest-news = Последние новости
other-news = Другие новости
other-stories = Читайте также
main-story = Главная новость
all-in-section = Все новости рубрики
all-news = Все новости
tag-title = Тема: { $tag }
no-stories = Новостей пока нет.
no-stories-section = В этой рубрике новостей пока нет.
no-stories-tag = По этой теме новостей пока нет.
no-stories-day = В этот день новостей не было.
new-stories = { $n ->
    [one] { $n } новый материал
    [few] { $n } новых материала
   *[many] { $n } новых материалов
}
search-button = Найти
search-label = Что ищем?
search-results = { $n ->
    [one] Найден { $n } материал
    [few] Найдено { $n } материала
   *[many] Найдено { $n } материалов
}
search-empty = Ничего не найдено. Попробуйте другое слово.
search-examples = Например:
search-filters = Фильтры
search-section = Рубрика
search-from = С даты
search-to = По дату
search-feed = Этот поиск как RSS-лента
search-wider = Искать без фильтров
search-too-long = Запрос слишком длинный: не больше 8 слов.

## Article
published = Опубликовано: { $date }
updated = Обновлено: { $date }
views = { $n ->
    [one] { $n } просмотр
    [few] { $n } просмотра
   *[many] { $n } просмотров
}
correction = Уточнение
reference = Справочно:
read-more = Подробнее
read-in-another-language = Читать на другом языке
not-in-this-language = Этого материала пока нет на русском языке.
read-in-kk = Читать на казахском
read-in-ru = Читать на русском
read-in-en = Читать на английском
read-in = Читать на языке: { $language }
original-at = Оригинал: { $site }
photo-credit = Фото: { $name }
listen = Слушать
watch = Смотреть
attached-file = Приложенный файл: { $name }
share = Поделиться
copy-link = Скопировать ссылку
copied = Скопировано
print = Распечатать
previous-story = Предыдущая новость
next-story = Следующая новость
withdrawn-title = Материал снят с публикации
withdrawn = Материал снят с публикации по решению редакции.
withdrawn-reason = Причина: { $reason }
to-section = Перейти в рубрику: { $section }

## Subscribe
subscribe-title = Подписка на рассылку
subscribe-to = Подписка на рассылку «{ $newsletter }»
subscribe-pitch = Новости на выбранном вами языке придут на почту.
one-letter-a-day = Одно письмо в день. Время отправки: { $time }
leave-any-time = Нет новостей — нет и письма. Отписаться можно одним нажатием.
email-address = Электронная почта
email-example = aigerim@example.kz
address-wrong = Похоже, в адресе ошибка. Пример: aigerim@example.kz
address-suggestion = Возможно, { $address }?
languages-in-order = Языки в порядке предпочтения
languages-help = Если материала нет на первом языке, пришлём его на следующем.
first-language = Первый язык
second-language = Второй язык
third-language = Третий язык
no-more-languages = Другой язык не нужен
languages-needed = Выберите хотя бы один язык.
all-sections = Все рубрики
sections-help = Если ничего не отмечено, пришлём новости всех рубрик.
tags-help = Если отметить темы, пришлём только материалы на эти темы. Если ничего не отмечено, темы не важны.
days-needed = Отметьте хотя бы один день.
cadence = Как часто
every-day = Каждый день
weekdays = По будням
once-a-week = Раз в неделю
chosen-days = По выбранным дням
as-soon-as-published = Сразу после публикации
day-of-week = День недели
weekday-1 = понедельник
weekday-2 = вторник
weekday-3 = среда
weekday-4 = четверг
weekday-5 = пятница
weekday-6 = суббота
weekday-7 = воскресенье
delivery-time = Время отправки
time-zone = Часовой пояс
time-zone-help = Письмо уходит по вашему местному времени.
hour-wrong = Напишите время так: 08:00
time-zone-wrong = Такого часового пояса нет. Пример: Asia/Almaty
choice-wrong = Выберите из списка.
consent = Даю согласие на сбор и обработку моих персональных данных
consent-operator = Оператор персональных данных: { $operator }
consent-purpose = Данные: адрес электронной почты и пожелания к рассылке. Цель: отправка писем этой рассылки.
consent-term = Срок хранения: { $text }
consent-recipients = Кому передаются данные: { $text }
consent-transfer = Трансграничная передача: { $text }
consent-location = Где хранятся данные: { $text }
consent-withdraw = Согласие можно отозвать в любой момент: ссылка есть в каждом письме.
consent-needed = Чтобы подписаться, нужно ваше согласие: поставьте отметку.
consent-changed = Условия изменились. Прочитайте их и поставьте отметку ещё раз.
back-to = Вернуться на сайт: { $site }
form-has-errors = Исправьте отмеченные поля.
more-choices = Дополнительные настройки

## After the form
check-your-inbox-title = Проверьте почту
check-your-inbox = Проверьте почту: мы отправили ссылку для подтверждения.
look-in-spam = Если письма нет, загляните в папку «Спам».
open-mailbox = Открыть почту: { $provider }

## Confirm
confirm-subject = Подтвердите подписку: { $site }
confirm-title = Подтверждение подписки
confirm-button = Подтвердить подписку
confirm-question = Подтвердить подписку на рассылку «{ $newsletter }»?
confirm-lead = Этот адрес указали при подписке на рассылку «{ $newsletter }». Нажмите кнопку, чтобы подтвердить подписку.
confirm-link = Если кнопка не открывается, воспользуйтесь ссылкой:
confirm-lead-text = Этот адрес указали при подписке на рассылку «{ $newsletter }». Чтобы подтвердить подписку, откройте ссылку:
confirm-valid = { $n ->
    [one] Ссылка действует { $n } день.
    [few] Ссылка действует { $n } дня.
   *[many] Ссылка действует { $n } дней.
}
confirm-ignore = Если вы не подписывались, ничего не делайте: без подтверждения писем не будет.
confirmed-title = Подписка подтверждена
confirmed = Подписка подтверждена. Первое письмо: { $date }, { $time }
confirmed-soon = Подписка подтверждена. Первое письмо придёт, как только выйдет новый материал.
latest-issue = Прочитать последний выпуск
next-issue = Следующий выпуск: { $date }, { $time }
next-soon = Следующее письмо придёт, как только выйдет новый материал.
already-confirmed-title = Подписка уже подтверждена
already-confirmed = Подписка уже подтверждена. Больше ничего делать не нужно.
already-subject = Вы уже подписаны: { $site }
already-lead = Этот адрес уже подписан на рассылку «{ $newsletter }». Ничего делать не нужно.
already-button = Настройки подписки
already-ignore = Если вы не подписывались заново, ничего не делайте: всё осталось как было.
welcome-subject = Подписка оформлена: { $site }
welcome-lead = Подписка на рассылку «{ $newsletter }» подтверждена.
welcome-next = Первое письмо: { $date }, { $time }
welcome-soon = Первое письмо придёт, как только выйдет новый материал.
change-subject = Смена адреса: { $site }
change-from-lead = Для вашей подписки на рассылку «{ $newsletter }» указали другой адрес. Если это сделали вы, подтвердите смену адреса.
change-from-button = Подтвердить смену адреса
change-from-ignore = Если вы не меняли адрес, ничего не делайте: письма по-прежнему будут приходить сюда.
change-to-lead = Этот адрес указали как новый для подписки на рассылку «{ $newsletter }». Нажмите кнопку, чтобы письма приходили сюда.
change-to-button = Получать письма на этот адрес
change-to-ignore = Если вы этого не просили, ничего не делайте: без подтверждения писем не будет.
goodbye-subject = Вы отписаны: { $site }
goodbye-lead = Вы отписались от рассылки «{ $newsletter }». Больше писем не будет.
goodbye-ignore = Если вы отписались сами, ничего делать не нужно. Вернуть подписку по этой ссылке можно в течение суток.
link-subject = Ваши данные: { $site }
link-lead = По этой ссылке можно посмотреть, скачать или удалить данные вашей подписки на рассылку «{ $newsletter }».
link-button = Открыть мои данные
link-ignore = Если вы этого не просили, ничего не делайте.
test-subject = [Проверка] { $subject }
test-lead = Это проверочное письмо. Если вы его читаете, почта до этого адреса доходит.
test-button = Открыть сайт
test-ignore = Отвечать не нужно: ничего не изменилось, и больше никому это письмо не отправлено.

## Links that have aged
link-expired-title = Срок действия ссылки истёк
link-expired = Срок действия ссылки истёк.
send-new-link = Прислать новую ссылку
new-link-sent = Мы отправили новую ссылку. Проверьте почту.
link-unknown-title = Ссылка недействительна
link-unknown = Ссылка недействительна. Проверьте, что скопировали её из письма целиком.

## Unsubscribe
unsubscribe = Отписаться
unsubscribe-title = Отписка от рассылки
unsubscribe-question = Больше не присылать письма на { $address }?
unsubscribe-newsletter = Рассылка: «{ $newsletter }»
unsubscribe-keep = Оставить подписку
unsubscribed-title = Вы отписаны
unsubscribed = Вы отписаны. Писем больше не будет.
already-unsubscribed = Вы уже отписаны. Писем не будет.
subscribe-again = Вернуть подписку
resubscribed-title = Подписка возвращена
resubscribed = Подписка возвращена. Следующее письмо: { $date }, { $time }
resubscribed-soon = Подписка возвращена.
forwarded = Вам переслали это письмо? Подпишитесь сами.

## Settings of a subscription
settings = Настройки подписки
settings-for = Адрес: { $address }
save = Сохранить
saved = Сохранено
saved-next = Сохранено. Следующее письмо: { $date }, { $time }
pause = Приостановить
resume-from = С какого дня возобновить?
paused-until = Рассылка приостановлена. Возобновится: { $date }
resume-now = Возобновить рассылку
date-wrong = Выберите день позже сегодняшнего.
text-only = Только текст, без фотографий
change-title = Смена адреса
new-address = Новый адрес
change-button = Сменить адрес
change-both = Письма начнут приходить на новый адрес, когда смену подтвердят из обоих почтовых ящиков.
change-sent = Мы отправили письма на оба адреса. Подтвердите смену адреса в каждом из них.
change-old = Прежний адрес: { $address }
change-new = Новый адрес: { $address }
change-waits = Спасибо. Осталось подтвердить смену из другого почтового ящика.
change-done-title = Адрес изменён
change-done = Теперь письма приходят на новый адрес. Старые ссылки на настройки больше не действуют, отписаться по ним можно всегда.
change-again = Чтобы сменить адрес, укажите его ещё раз в настройках подписки.
address-same = Письма уже приходят на этот адрес.
my-data-help = Что мы о вас храним и на что вы дали согласие. Данные можно скачать или удалить.
my-data-button = Прислать ссылку на мои данные
my-data-sent = Мы отправили ссылку на ваши данные. Она действует один день.
download-help = Файл JSON: подписка, согласия и отправленные письма.
agreements = Ваши согласия
agreed-asked = Запрос
agreed-confirmed = Подписка подтверждена
agreed-added = Подписка оформлена редакцией
agreed-changed = Настройки изменены
agreed-left = Отписка
agreed-returned = Подписка возвращена
agreed-erased = Данные удалены
delete-help = Подписка прекратится, адрес и все данные о вас будут удалены без возможности восстановления.
deleted-title = Данные удалены
my-data = Мои данные
download-my-data = Скачать мои данные
delete-my-data = Удалить мои данные
delete-question = Подписка прекратится, адрес будет удалён. Продолжить?
deleted = Ваши данные удалены. Писем больше не будет.
privacy-policy = Политика конфиденциальности

## Mail
view-in-browser = Открыть в браузере
subject-with-more = { $n ->
    [one] { $title } и ещё { $n } новость
    [few] { $title } и ещё { $n } новости
   *[many] { $title } и ещё { $n } новостей
}
briefly = Коротко
more-on-site = { $n ->
    [one] На сайте ещё { $n } новость
    [few] На сайте ещё { $n } новости
   *[many] На сайте ещё { $n } новостей
}
why-you-receive = Вы получили это письмо, потому что подписались на рассылку «{ $newsletter }».
forwarded-short = Вам переслали это письмо?
no-tracking = Мы не отслеживаем, открыли ли вы письмо.
issue-of = Выпуск рассылки «{ $newsletter }»
issue-ends-here = Это все новости выпуска.

## Feeds page
feeds-lead = Следите за новостями в программе для чтения RSS: скопируйте адрес и добавьте его в программу.
feeds-all = Все новости
feeds-all-languages = На всех языках
feeds-of-language = По языкам
feeds-of-section = По рубрикам
feeds-of-tag = По темам
copy-address = Скопировать адрес
feeds-opml = Список всех лент (OPML)
feed-latest = Последнее: { $title }
feed-format = Формат: { $format }
builder-title = Собрать свою ленту
builder-help = Отметьте языки, рубрики и темы и получите один адрес. Если ничего не отметить, в ленте будут все новости.
builder-button = Получить адрес
feed-preview = Последние новости ленты
feed-empty = В этой ленте пока нет новостей.
feed-about = О ленте
feed-site = Страница на сайте
feed-by-mail = Получать по почте

## Errors
error = Ошибка
page-not-found = Страница не найдена
page-not-found-help = Возможно, ссылка устарела или набрана с ошибкой.
something-broke-title = У нас неполадка
something-broke = У нас неполадка. Попробуйте позже.
under-repair-title = Идут технические работы
under-repair = Идут технические работы. Скоро вернёмся.
too-many-title = Слишком много запросов
too-many-requests = { $n ->
    [one] Слишком много запросов. Повторите через { $n } минуту.
    [few] Слишком много запросов. Повторите через { $n } минуты.
   *[many] Слишком много запросов. Повторите через { $n } минут.
}
foreign-form = Форма отправлена с незнакомого нам сайта и поэтому не принята. Чтобы подписаться, откройте нашу страницу.
form-incomplete = Форма дошла не полностью. Отправьте её ещё раз.
subscriptions-closed = Подписка временно закрыта.
back-home = На главную

## Footer
imprint = О редакции
contacts = Контакты
owner = Собственник: { $name }
editor-in-chief = Главный редактор: { $name }
registration = Свидетельство о регистрации: { $number }
operator-bin = БИН: { $bin }
operator-email = Почта: { $email }
operator-phone = Телефон: { $phone }
inbox = Входящие
powered-by = Работает на Jarshy
